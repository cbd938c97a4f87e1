"""The OpenAPI description of the routes, with the model's own names and sizes in it."""

from collections.abc import Mapping
from typing import Any

from ...images.formats import FORMATS, MAX_PIXELS
from ..prediction.model import Classifier
from .admission import role_for
from .uploads import MAX_BATCH_BYTES, MAX_BATCH_IMAGES, MAX_IMAGE_BYTES

REFUSALS = {  # of every route
    "401": "A token is needed, and none that is known was sent.",
    "403": "The token is for something else, or the page of another site asks.",
    "421": "The service listens on its own machine alone and is not known by this name.",
    "429": "Too many requests; Retry-After says when to try again.",
}
ERRORS = {
    "400": "The form, a field, k or explain is not as described.",
    **REFUSALS,
    "408": "The upload took too long.",
    "413": "Too many bytes, pixels or images.",
    "415": "The body is not multipart/form-data.",
    "422": "Empty, not an image, or cut short.",
    "503": "Too much to do; Retry-After says when to try again.",
}


def describe(classifier: Classifier, *, default_k: int, locked: bool = False) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document for `classifier`'s service; `locked`: it asks for tokens."""
    count = len(classifier.classes)
    k = {
        "name": "k",
        "in": "query",
        "description": "How many classes to answer, most probable first. May also be a field of the form.",
        "schema": {"type": "integer", "minimum": 1, "maximum": count, "default": min(default_k, count)},
    }
    explain = {
        "name": "explain",
        "in": "query",
        "description": "Whether the answer also brings the image as the model sees it, and heat maps.",
        "schema": {"type": "boolean", "default": False},
    }
    one = f"{', '.join(FORMATS)}; at most {MAX_IMAGE_BYTES:,} bytes and {MAX_PIXELS:,} pixels"
    several = f"at most {MAX_BATCH_IMAGES} images and {MAX_BATCH_BYTES:,} bytes together"
    binary = {"type": "string", "format": "binary"}
    size = f"{classifier.width} × {classifier.height}"
    confident = _confident(classifier)
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": f"Darkroom: {classifier.name}",
            "version": classifier.version,
            "description": "Classifies images. Nothing is fetched or opened for a client: send the bytes.",
        },
        "paths": {
            "/predict": {
                "post": {
                    "summary": "Classify one image",
                    "description": f"Turned upright, cut to the model's shape and resized to {size} here. "
                    + confident,
                    "parameters": [k, explain],
                    "requestBody": _form({"image": {**binary, "description": one}}, "image"),
                    "responses": {
                        "200": _json("The classes, most probable first", "Prediction"),
                        **_errors(ERRORS),
                    },
                }
            },
            "/predict_batch": {
                "post": {
                    "summary": "Classify several images",
                    "description": f"All or none: the error for a bad image says which it is. {confident}",
                    "parameters": [k],
                    "requestBody": _form(
                        {"images": {"type": "array", "items": binary, "description": f"{one}; {several}"}},
                        "images",
                    ),
                    "responses": {
                        "200": _json("One prediction an image, in order", "Predictions"),
                        **_errors(ERRORS),
                    },
                }
            },
            "/feedback": {
                "post": {
                    "summary": "Say what an image is of",
                    "description": "Where the service keeps feedback: the image and its class are stored, "
                    "once, for people to review and a later version to learn from.",
                    "requestBody": _form(
                        {
                            "image": {**binary, "description": one},
                            "class": {
                                "type": "string",
                                "enum": [*classifier.classes, ""],
                                "description": "What it is of; empty: none of the model's classes",
                            },
                        },
                        "image",
                        "class",
                    ),
                    "responses": {
                        "201": _json("Kept", "Feedback"),
                        "200": _json("The same was said of the same image before", "Feedback"),
                        "404": _json("This service keeps no feedback.", "Error"),
                        **_errors(ERRORS),
                        "507": _json("The folder for feedback is full or cannot be written.", "Error"),
                    },
                }
            },
            "/model": {
                "get": {
                    "summary": "What the model is",
                    "responses": {"200": _json("Its description", "Model"), **_errors(REFUSALS)},
                }
            },
            "/card": {
                "get": {
                    "summary": "The model card",
                    "description": "How well the model does, what it learned from and where it ends.",
                    "responses": {
                        "200": {
                            "description": "A page of HTML that loads nothing",
                            "content": {"text/html": {"schema": {"type": "string"}}},
                        },
                        "404": _json("This version of the model has no card.", "Error"),
                        **_errors(REFUSALS),
                    },
                }
            },
            "/livez": {
                "get": {"summary": "Is the service alive", "responses": {"200": {"description": "Yes"}}}
            },
            "/readyz": {
                "get": {"summary": "Is the model loaded", "responses": {"200": {"description": "Yes"}}}
            },
            "/metrics": {
                "get": {
                    "summary": "Figures for Prometheus",
                    "responses": {"200": {"description": "Text"}, **_errors(REFUSALS)},
                }
            },
        },
        "components": {"schemas": _schemas(classifier)},
    }
    return _locked(document) if locked else document


def _locked(document: dict[str, Any]) -> dict[str, Any]:
    """Say in the document which routes need a token."""
    scheme = {"type": "http", "scheme": "bearer", "description": "A token of whoever runs the service"}
    document["components"]["securitySchemes"] = {"token": scheme}
    for path, operations in document["paths"].items():
        if role := role_for(path):
            for operation in operations.values():
                operation["security"] = [{"token": []}]
                told = f"Needs a token with the role {role}, or a higher one."
                operation["description"] = f"{operation.get('description', '')} {told}".strip()
    return document


def _confident(classifier: Classifier) -> str:
    """Return what `confident` means in this model's answers."""
    if classifier.confident_from is None:
        return "The field confident is null: for this model no threshold of confidence was fitted."
    return (
        f"The field confident is true where the first class has a probability of {classifier.confident_from} "
        "or more, false where it has less."
    )


def _form(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": [*required]}
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def _json(description: str, schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "content": content}


def _errors(described: Mapping[str, str]) -> dict[str, Any]:
    return {status: _json(description, "Error") for status, description in described.items()}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _schemas(classifier: Classifier) -> dict[str, Any]:
    text, number, integer = {"type": "string"}, {"type": "number"}, {"type": "integer"}
    probability = {"type": "number", "minimum": 0, "maximum": 1}
    ranked = {
        "type": "array",
        "items": _object(
            **{"class": {"type": "string", "enum": classifier.classes}, "probability": probability}
        ),
    }
    confident = {"type": ["boolean", "null"], "description": _confident(classifier)}
    model = _object(name=text, version=text)
    seen = {
        "type": "string",
        "description": "With explain: the image as the model sees it, as a data: URL of a PNG",
    }
    line = {"type": "array", "items": number}
    heat = {
        "type": ["array", "null"],
        "items": {"type": "array", "items": line},
        "description": "With explain: for each class in the answer a grid of rows that lies evenly over the "
        "image as the model sees it: how much each place speaks for the class (above 0) or against it, in "
        "logits; null where the model has no heat maps",
    }
    prediction = _object(classes=ranked, confident=confident, model=model, milliseconds=number)
    prediction["properties"] |= {"input": seen, "heat": heat}
    return {
        "Prediction": prediction,
        "Predictions": _object(
            predictions={"type": "array", "items": _object(classes=ranked, confident=confident)},
            model=model,
            milliseconds=number,
        ),
        "Model": _object(
            name=text,
            version=text,
            classes={"type": "array", "items": text},
            height=integer,
            width=integer,
            channels=integer,
            precision={"enum": ["bf16", "fp32"], "description": "Of the arithmetic here"},
            confident_from={
                "type": ["number", "null"],
                "minimum": 0,
                "maximum": 1,
                "description": "The probability from which the first class counts as confident, fitted on "
                "validation images; null where none was fitted",
            },
            card={"type": "boolean", "description": "Whether there is a model card at /card"},
            heat={"type": "boolean", "description": "Whether explained answers bring heat maps"},
            feedback={"type": "boolean", "description": "Whether POST /feedback keeps anything"},
            limits=_object(
                image_bytes=integer, image_pixels=integer, batch_images=integer, batch_bytes=integer
            ),
        ),
        "Feedback": _object(
            **{
                "class": {"type": ["string", "null"], "enum": [*classifier.classes, None]},
                "new": {"type": "boolean"},
            }
        ),
        "Error": _object(error=_object(code=text, message=text)),
    }
