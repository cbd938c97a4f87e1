"""Keeping what people say about predictions: `/feedback`."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ....images.formats import open_image
from ...errors import RequestError
from ...metrics import FEEDBACK
from ...monitoring.feedback_store import FeedbackStore
from ...prediction.engine import Engine
from .. import responses
from ..parameters import parse_class, parse_labels
from ..uploads import FEEDBACK_FORM, FEEDBACK_SETS_FORM, read_form

# The class or the set as it is kept, None for no class; the classes to count it for; fields of its line.
Kept = tuple[str | None, list[str], dict[str, Any]]


async def feedback(request: Request) -> Response:
    """Keep an image with the class, or all labels, that a person names for it."""
    engine: Engine = request.app.state.engine
    store: FeedbackStore | None = request.app.state.feedback
    classifier = engine.classifier
    if store is None:
        raise RequestError(
            404,
            "feedback_off",
            "This service keeps no feedback. Its operator can set DARKROOM_FEEDBACK to a folder.",
        )
    engine.check()
    with engine.memory.request() as memory:
        several = classifier.thresholds is not None
        upload = await read_form(request, FEEDBACK_SETS_FORM if several else FEEDBACK_FORM, memory)
        (image,) = upload.images
        if several:
            reported = parse_labels(upload.text, classifier.classes)
            kept, wrong, about = await _of_sets(engine, image, reported)
            response: responses.Feedback = {"labels": reported, "new": False}
        else:
            named = parse_class(upload.text, classifier.classes)
            kept, wrong, about = await _of_classes(engine, image, named)
            response = {"class": named, "new": False}
        about |= {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "model": responses.model_version(classifier),
        }
        kind = str(open_image(image).format)
        new = await asyncio.to_thread(store.keep, image, image_format=kind, label=kept, details=about)
    if new:
        for name in wrong:
            FEEDBACK.labels(name).inc()
    response["new"] = new
    return JSONResponse(response, 201 if new else 200)


async def _of_classes(engine: Engine, image: bytes, reported: str | None) -> Kept:
    """Classify an image of which a person named the class; return what is kept of it."""
    _, (probabilities,), _ = await engine.classify([image])
    (best,) = responses.image_prediction(probabilities, 1, engine.classifier)["classes"]
    about = {"predicted": best["class"], "probability": round(best["probability"], 4)}
    return reported, [best["class"]], about


async def _of_sets(engine: Engine, image: bytes, reported: Sequence[str]) -> Kept:
    """Classify an image of which a person named all labels; return what is kept of it.

    A set is kept as the JSON list of its names, and counted for each label that the service decides
    otherwise. Its probability is that of the whole set, if the labels did not depend on each other.
    """
    _, (probabilities,), _ = await engine.classify([image])
    classifier = engine.classifier
    decisions = classifier.decisions(probabilities)
    if decisions is None:
        raise ValueError(f"{classifier.name} gives an image one label")
    predicted = sorted(name for name, has in zip(classifier.classes, decisions, strict=True) if has)
    sure = float(np.where(decisions, probabilities, 1 - probabilities).prod())
    about = {"labels": "several", "predicted": _text(predicted), "probability": round(sure, 4)}
    return _text(reported), sorted(set(predicted) ^ set(reported)), about


def _text(labels: Sequence[str]) -> str:
    return json.dumps(labels, ensure_ascii=False)


ROUTES = (Route("/feedback", feedback, methods=["POST"]),)
