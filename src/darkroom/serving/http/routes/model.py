"""Describing the model: `/model` and its card at `/card`."""

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from ....images.formats import MAX_PIXELS
from ...errors import RequestError
from ...prediction.model import Classifier
from .. import responses
from ..uploads import MAX_BATCH_BYTES, MAX_BATCH_IMAGES, MAX_IMAGE_BYTES

# The card contains its style and images and needs nothing else.
CARD_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


async def model(request: Request) -> Response:
    """Return the model's own description, what this service adds to it, and the limits on requests."""
    classifier: Classifier = request.app.state.engine.classifier
    added: responses.ServiceDescription = {
        "precision": classifier.precision,
        "confident_from": classifier.confident_from,
        "card": classifier.card is not None,
        "heat": classifier.explains,
        "feedback": request.app.state.feedback is not None,
        "limits": {
            "image_bytes": MAX_IMAGE_BYTES,
            "image_pixels": MAX_PIXELS,
            "batch_images": MAX_BATCH_IMAGES,
            "batch_bytes": MAX_BATCH_BYTES,
        },
    }
    return JSONResponse({**classifier.about, **added})


async def card(request: Request) -> Response:
    """Return the model card."""
    classifier: Classifier = request.app.state.engine.classifier
    if classifier.card is None:
        raise RequestError(
            404,
            "no_card",
            f"Version {classifier.version} of {classifier.name} was registered without a model card. "
            "GET /model returns what is known of it.",
        )
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": CARD_POLICY}
    return FileResponse(classifier.card, media_type="text/html", headers=headers)


ROUTES = (Route("/model", model, methods=["GET"]), Route("/card", card, methods=["GET"]))
