"""Keeping what people say about predictions: `/feedback`."""

import asyncio
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ....images.formats import open_image
from ...errors import RequestError
from ...metrics import FEEDBACK
from ...monitoring.feedback_store import FeedbackStore
from ...prediction.engine import Engine
from .. import responses
from ..parameters import parse_class
from ..uploads import FEEDBACK_FORM, read_form


async def feedback(request: Request) -> Response:
    """Keep an image with the class that a person names for it."""
    engine: Engine = request.app.state.engine
    store: FeedbackStore | None = request.app.state.feedback
    classifier = engine.classifier
    if store is None:
        raise RequestError(
            404,
            "feedback_off",
            "This service keeps no feedback. Its operator can set DARKROOM_FEEDBACK to a folder.",
        )
    if classifier.thresholds is not None:
        raise RequestError(
            404,
            "feedback_off",
            "This model gives images several labels, which feedback does not correct yet.",
        )
    engine.check()
    with engine.memory.request() as memory:
        upload = await read_form(request, FEEDBACK_FORM, memory)
        reported = parse_class(upload.text, classifier.classes)
        (image,) = upload.images
        _, (probabilities,), _ = await engine.classify([image])
        (best,) = responses.image_prediction(probabilities, 1, classifier)["classes"]
        about = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "predicted": best["class"],
            "probability": round(best["probability"], 4),
            "model": responses.model_version(classifier),
        }
        kind = str(open_image(image).format)
        new = await asyncio.to_thread(store.keep, image, image_format=kind, label=reported, details=about)
    if new:
        FEEDBACK.labels(best["class"]).inc()
    response: responses.Feedback = {"class": reported, "new": new}
    return JSONResponse(response, 201 if new else 200)


ROUTES = (Route("/feedback", feedback, methods=["POST"]),)
