"""The OpenAPI description of the routes.

The responses come from the types in `responses.py`, the forms from `uploads.py`, and the classes and sizes
from the model that is served.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter

from ...images.formats import MAX_PIXELS, accepted_names
from ..prediction.model import Classifier
from . import responses
from .admission import role_for
from .parameters import default_k
from .uploads import BATCH_FORM, FEEDBACK_FORM, FEEDBACK_SETS_FORM, MAX_IMAGE_BYTES, PREDICT_FORM, Form

RESPONSES = (
    responses.Prediction,
    responses.Predictions,
    responses.Model,
    responses.Feedback,
    responses.Error,
)
# Fields that responses have where an image may have several labels, and those where it has one.
OF_SEVERAL_LABELS = (
    *(("Prediction", "labels"), ("ImagePrediction", "labels"), ("RankedClass", "decision")),
    *(("RankedClass", "uncertain"), ("Feedback", "labels")),
)
OF_ONE_LABEL = (("Feedback", "class"),)
REFUSALS = {  # of every route
    "401": "A token is needed, and no known one was sent.",
    "403": "The token's role is not sufficient, or the request comes from the page of another site.",
    "421": "The service listens on loopback only and is not known by this host name.",
    "429": "Too many requests; Retry-After states when to try again.",
}
FORM_REFUSALS = {  # of every route that takes images
    "400": "The form, a field, k or explain is not as described.",
    **REFUSALS,
    "408": "The upload took too long.",
    "413": "Too many bytes, pixels or images.",
    "415": "The body is not multipart/form-data.",
    "422": "Empty, not an image, or cut short.",
    "503": "The service is overloaded; Retry-After states when to try again.",
}


@lru_cache(maxsize=1)  # deriving the schemas takes 12 ms, and anyone may request the description
def describe(classifier: Classifier, *, locked: bool = False) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of `classifier`'s service; `locked`: it needs tokens."""
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": f"Darkroom: {classifier.name}",
            "version": classifier.version,
            "description": "Classifies images. Send their bytes: the service fetches and opens nothing.",
        },
        "paths": _paths(classifier),
        "components": {"schemas": _schemas(classifier)},
    }
    return _with_tokens(document) if locked else document


def _paths(classifier: Classifier) -> dict[str, Any]:
    count, confident = len(classifier.classes), _confident(classifier)
    size = f"{classifier.width} × {classifier.height}"
    k = _query(
        "k",
        "How many classes to list, most probable first. May also be a field of the form.",
        {"type": "integer", "minimum": 1, "maximum": count, "default": default_k(classifier)},
    )
    explain = _query(
        "explain",
        "Whether the response also has the image as the model sees it, and heat maps.",
        {"type": "boolean", "default": False},
    )
    return {
        "/predict": _post(
            "Classify one image",
            f"The image is turned upright, cut to the model's shape and resized to {size}. {confident}",
            {"200": _json("The classes, most probable first", "Prediction")},
            form=_form(PREDICT_FORM),
            parameters=[k, explain],
        ),
        "/predict_batch": _post(
            "Classify several images",
            f"All or none: the error for a bad image names it. {confident}",
            {"200": _json("One prediction for each image, in order", "Predictions")},
            form=_form(BATCH_FORM),
            parameters=[k],
        ),
        "/feedback": _post(
            "Report what an image shows",
            "Where the service keeps feedback: the image and its class are stored, once, for people to "
            "review and for a later version to be trained on.",
            {
                "201": _json("Kept", "Feedback"),
                "200": _json("The same class was reported for the same image before", "Feedback"),
                "404": _json("This service keeps no feedback.", "Error"),
                "507": _json("The folder for feedback is full or cannot be written.", "Error"),
            },
            form=_feedback_form(classifier),
        ),
        "/model": _get("The model and the limits on requests", _json("The description", "Model")),
        "/card": _get(
            "The model card: how good the model is, and where its limits are",
            {
                "description": "A self-contained HTML page",
                "content": {"text/html": {"schema": {"type": "string"}}},
            },
            {"404": "This version of the model has no card.", **REFUSALS},
        ),
        "/livez": _get("Whether the service is alive", {"description": "It is"}, {}),
        "/readyz": _get("Whether the model is loaded", {"description": "It is"}, {}),
        "/metrics": _get("Metrics for Prometheus", {"description": "Text"}),
    }


def _feedback_form(classifier: Classifier) -> dict[str, Any]:
    """Return the form of feedback: the class of an image, or, of several labels, all that it has."""
    if classifier.thresholds is not None:
        labels = {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"type": "array", "items": {"type": "string", "enum": classifier.classes}},
            "description": "All labels that the image has, as a JSON list; [] where it has none",
        }
        return _form(FEEDBACK_SETS_FORM, labels=labels)
    reported_class = {
        "type": "string",
        "enum": [*classifier.classes, ""],
        "description": "What the image shows; empty: none of the model's classes",
    }
    return _form(FEEDBACK_FORM, **{"class": reported_class})


def _post(
    summary: str, description: str, responses: dict[str, Any], *, form: dict[str, Any], **more: Any
) -> dict[str, Any]:
    return {
        "post": {
            "summary": summary,
            "description": description,
            **more,
            "requestBody": form,
            "responses": {**responses, **_errors(FORM_REFUSALS)},
        }
    }


def _get(summary: str, response: dict[str, Any], errors: Mapping[str, str] = REFUSALS) -> dict[str, Any]:
    return {"get": {"summary": summary, "responses": {"200": response, **_errors(errors)}}}


def _query(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _schemas(classifier: Classifier) -> dict[str, Any]:
    """Return the schemas of all responses, with the model's classes in them."""
    _, definitions = TypeAdapter.json_schemas(
        [(kind.__name__, "serialization", TypeAdapter(kind)) for kind in RESPONSES],
        ref_template="#/components/schemas/{model}",
    )
    schemas: dict[str, Any] = definitions["$defs"]
    schemas["RankedClass"]["properties"]["class"]["enum"] = classifier.classes
    schemas["Feedback"]["properties"]["class"]["enum"] = [*classifier.classes, None]
    schemas["Feedback"]["properties"]["labels"]["items"]["enum"] = classifier.classes
    for name in ("Prediction", "ImagePrediction"):
        schemas[name]["properties"]["confident"]["description"] = _confident(classifier)
    several, one = OF_SEVERAL_LABELS, OF_ONE_LABEL
    there, missing = (one, several) if classifier.thresholds is None else (several, one)
    for name, field in there:
        schemas[name]["required"].append(field)
    for name, field in missing:
        del schemas[name]["properties"][field]
    return schemas


def _confident(classifier: Classifier) -> str:
    """Return what `confident` means in this model's predictions."""
    if classifier.thresholds is not None:
        return (
            "An image may have several labels, or none: each has a decision of its own, which is uncertain "
            "where the probability is near the label's threshold; confident is null."
        )
    if classifier.confident_from is None:
        return "The field confident is null: for this model no threshold of confidence was fitted."
    return (
        f"The field confident is true where the first class has a probability of {classifier.confident_from} "
        "or more, false where it has less."
    )


def _form(form: Form, **fields: dict[str, Any]) -> dict[str, Any]:
    """Return the request body of a route that takes `form`, with its required text `fields`."""
    image: dict[str, Any] = {"type": "string", "format": "binary"}
    limits = f"{accepted_names()}; at most {MAX_IMAGE_BYTES:,} bytes and {MAX_PIXELS:,} pixels"
    if form.max_images > 1:
        image = {"type": "array", "items": image}
        limits += f"; at most {form.max_images} images and {form.max_bytes:,} bytes together"
    image["description"] = f"{limits}. Also accepted as {' or '.join(form.image_fields[1:])}."
    schema = {
        "type": "object",
        "properties": {form.name: image, **fields},
        "required": [form.name, *fields],
    }
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def _json(description: str, schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "content": content}


def _errors(described: Mapping[str, str]) -> dict[str, Any]:
    return {status: _json(description, "Error") for status, description in described.items()}


def _with_tokens(document: dict[str, Any]) -> dict[str, Any]:
    """State in the document which routes need a token, and of which role."""
    scheme = {"type": "http", "scheme": "bearer", "description": "A token from the service's operator"}
    document["components"]["securitySchemes"] = {"token": scheme}
    for path, operations in document["paths"].items():
        if role := role_for(path):
            for operation in operations.values():
                operation["security"] = [{"token": []}]
                needed = f"Needs a token with the role {role}, or a higher one."
                operation["description"] = f"{operation.get('description', '')} {needed}".strip()
    return document
