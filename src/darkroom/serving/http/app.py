"""The routes: the HTTP API, its description and the page."""

import asyncio
import base64
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import prometheus_client
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from ...images.formats import MAX_PIXELS, ImageError, open_image
from ...images.resizing import to_png
from ..errors import RequestError, error_answer
from ..metrics import CONFIDENCE, FEEDBACK, PREDICTIONS, SECONDS, UNCERTAIN, exposition
from ..monitoring.feedback_store import FeedbackStore
from ..monitoring.monitor import Monitor
from ..prediction.engine import Classified, Engine
from ..prediction.model import Classifier
from .openapi import describe
from .uploads import MAX_BATCH_BYTES, MAX_BATCH_IMAGES, MAX_IMAGE_BYTES, read_images

PAGE = Path(__file__).parents[1] / "page"
DEFAULT_K = 3
# How long a refusal for too much load is held back. A client that heeds no Retry-After would else ask again
# at once, and refusing it over and over would take the time of those who were accepted.
BUSY_SECONDS = 0.5
# The card brings its style and images in itself, and has nothing else to do.
CARD_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def create_app(*, locked: bool = False, feedback_store: FeedbackStore | None = None) -> Starlette:
    """Return the app. Whoever starts it sets `app.state.engine` before the first request.

    Where `app.state.monitor` is set too, it looks at what was answered.

    `locked` says, in the description of the API, that the service asks for tokens. Without a
    `feedback_store` there is no feedback.
    """
    files = {"/": "index.html", "/docs": "docs.html"}
    files |= {
        f"/page/{path.name}": path.name for path in PAGE.iterdir() if path.suffix in (".css", ".js", ".svg")
    }
    app = Starlette(
        routes=[
            Route("/predict", predict, methods=["POST"]),
            Route("/predict_batch", predict_batch, methods=["POST"]),
            Route("/feedback", feedback, methods=["POST"]),
            Route("/model", model, methods=["GET"]),
            Route("/card", card, methods=["GET"]),
            Route("/openapi.json", openapi, methods=["GET"]),
            Route("/docs.json", openapi, methods=["GET"]),
            Route("/metrics", metrics, methods=["GET"]),
            *(Route(path, _file(PAGE / name), methods=["GET"]) for path, name in files.items()),
        ],
        exception_handlers={
            HTTPException: _http_error,
            RequestError: _request_error,
            ImageError: _image_error,
            ClientDisconnect: _disconnected,
            Exception: _internal_error,
        },
    )
    app.router.redirect_slashes = False  # it would redirect to whatever name the client called us by
    app.state.locked = locked
    app.state.feedback = feedback_store
    app.state.monitor = None
    return app


async def predict(request: Request) -> Response:
    """Classify one image."""
    engine: Engine = request.app.state.engine
    classifier = engine.classifier
    engine.check()
    explain = _parse_explain(request.query_params.get("explain", "false"))
    with engine.memory.request() as share:
        upload = await read_images(request, share, field="image", max_bytes=MAX_IMAGE_BYTES, max_images=1)
        k = _parse_k(request.query_params.get("k", upload.text), len(classifier.classes))
        done = await engine.explain(upload.images)
    (probabilities,), heat = done.answer.probabilities, done.answer.heat
    prediction = _prediction(probabilities, k, classifier)
    _note(request, "/predict", [prediction], done)
    answer = {
        **prediction,
        "model": {"name": classifier.name, "version": classifier.version},
        "milliseconds": round(done.seconds * 1000, 3),
    }
    if explain:
        answer["input"] = _data_url(done.pixels[0])
        answer["heat"] = None if heat is None else _heat(heat[0], probabilities, k)
    return JSONResponse(answer)


async def predict_batch(request: Request) -> Response:
    """Classify several images, all or none."""
    engine: Engine = request.app.state.engine
    classifier = engine.classifier
    engine.check()
    with engine.memory.request() as share:
        upload = await read_images(
            request, share, field="images", max_bytes=MAX_BATCH_BYTES, max_images=MAX_BATCH_IMAGES
        )
        k = _parse_k(request.query_params.get("k", upload.text), len(classifier.classes))
        done = await engine.explain(upload.images)
    predictions = [_prediction(row, k, classifier) for row in done.answer.probabilities]
    _note(request, "/predict_batch", predictions, done)
    return JSONResponse(
        {
            "predictions": predictions,
            "model": {"name": classifier.name, "version": classifier.version},
            "milliseconds": round(done.seconds * 1000, 3),
        }
    )


async def feedback(request: Request) -> Response:
    """Keep an image with what somebody says that it is of."""
    engine: Engine = request.app.state.engine
    store: FeedbackStore | None = request.app.state.feedback
    classifier = engine.classifier
    if store is None:
        raise RequestError(
            404,
            "feedback_off",
            "This service keeps no feedback. Whoever runs it can set DARKROOM_FEEDBACK to a folder.",
        )
    engine.check()
    with engine.memory.request() as share:
        upload = await read_images(
            request, share, field="image", max_bytes=MAX_IMAGE_BYTES, max_images=1, text="class"
        )
        said = _parse_class(upload.text, classifier.classes)
        (image,) = upload.images
        _, probabilities, _ = await engine.classify([image])
        (best,) = _prediction(probabilities[0], 1, classifier)["classes"]
        about = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "predicted": best["class"],
            "probability": round(best["probability"], 4),
            "model": {"name": classifier.name, "version": classifier.version},
        }
        kind = str(open_image(image).format)
        kept = await asyncio.to_thread(store.keep, image, image_format=kind, label=said, details=about)
    if kept:
        FEEDBACK.labels(best["class"]).inc()
    return JSONResponse({"class": said, "new": kept}, 201 if kept else 200)


async def model(request: Request) -> Response:
    """Tell what the model is and what may be sent to it."""
    classifier: Classifier = request.app.state.engine.classifier
    limits = {
        "image_bytes": MAX_IMAGE_BYTES,
        "image_pixels": MAX_PIXELS,
        "batch_images": MAX_BATCH_IMAGES,
        "batch_bytes": MAX_BATCH_BYTES,
    }
    told = {
        "precision": classifier.precision,
        "confident_from": classifier.confident_from,
        "card": classifier.card is not None,
        "heat": classifier.explains,
        "feedback": request.app.state.feedback is not None,
        "limits": limits,
    }
    return JSONResponse({**classifier.about, **told})


async def card(request: Request) -> Response:
    """Answer with the model card."""
    classifier: Classifier = request.app.state.engine.classifier
    if classifier.card is None:
        raise RequestError(
            404,
            "no_card",
            f"Version {classifier.version} of {classifier.name} was registered without a model card. "
            "GET /model tells what is known of it.",
        )
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": CARD_POLICY}
    return FileResponse(classifier.card, media_type="text/html", headers=headers)


async def openapi(request: Request) -> Response:
    """Describe the routes as OpenAPI."""
    state = request.app.state
    return JSONResponse(describe(state.engine.classifier, default_k=DEFAULT_K, locked=state.locked))


async def metrics(request: Request) -> Response:
    """Answer with the figures of all workers, as Prometheus reads them."""
    watch: Monitor | None = request.app.state.monitor
    more = [watch.drift] if watch is not None and watch.drift is not None else []
    content = await asyncio.to_thread(exposition, more)
    return Response(content, headers={"Content-Type": prometheus_client.CONTENT_TYPE_LATEST})


def _file(path: Path) -> Callable[[Request], Response]:
    return lambda _: FileResponse(path, headers={"Cache-Control": "no-cache"})


def _data_url(pixels: NDArray[np.uint8]) -> str:
    return "data:image/png;base64," + base64.b64encode(to_png(pixels)).decode()


def _best(probabilities: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    return np.argsort(-probabilities, kind="stable")[:k]


def _heat(maps: NDArray[np.float32], probabilities: NDArray[np.float32], k: int) -> Any:
    """Return the maps of the classes in the answer, in its order, to a hundredth of a logit."""
    return np.round(maps[_best(probabilities, k)].astype(np.float64), 2).tolist()


def _prediction(probabilities: NDArray[np.float32], k: int, classifier: Classifier) -> dict[str, Any]:
    best = _best(probabilities, k)
    classes = [{"class": classifier.classes[i], "probability": float(probabilities[i])} for i in best]
    return {"classes": classes, "confident": classifier.is_confident(float(probabilities[best[0]]))}


def _parse_k(text: str | None, classes: int) -> int:
    if text is None:
        return min(DEFAULT_K, classes)
    if text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= classes:
        return int(text)
    raise RequestError(
        400,
        "bad_k",
        f"k is {text[:20]!a}; give how many classes to answer, a whole number from 1 to {classes}.",
    )


def _parse_explain(text: str) -> bool:
    if text not in ("true", "false"):
        raise RequestError(400, "bad_explain", f"explain is {text[:20]!a}; give true or false.")
    return text == "true"


def _parse_class(text: str | None, classes: list[str]) -> str | None:
    """Return the class that is meant; None is none of them."""
    if text is not None and (text == "" or text in classes):
        return text or None
    told = "is missing" if text is None else f"is {text[:60]!a}"
    raise RequestError(
        400,
        "bad_class",
        f"The field 'class' {told}; send one of the model's classes, or an empty text for none of them: "
        f"{', '.join(classes[:20])}{' …' if len(classes) > 20 else ''}.",
    )


def _note(request: Request, route: str, predictions: list[dict[str, Any]], done: Classified) -> None:
    """Count what is answered, and have it looked at."""
    SECONDS.labels(route).observe(done.seconds)
    for prediction in predictions:
        best = prediction["classes"][0]
        PREDICTIONS.labels(best["class"]).inc()
        CONFIDENCE.observe(best["probability"])
        if prediction["confident"] is False:
            UNCERTAIN.labels(best["class"]).inc()
    watch: Monitor | None = request.app.state.monitor
    if watch is not None:
        watch.offer(route, done)


async def _request_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    if error.status == 503:
        await asyncio.sleep(BUSY_SECONDS)
    return error_answer(error.status, error.code, error.message, error.headers)


async def _image_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ImageError)
    return error_answer(error.status, error.code, error.message)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        allowed = headers.get("Allow", "another method")
        message = f"{request.url.path} does not take {request.method}; use {allowed}."
        return error_answer(405, "wrong_method", message, headers)
    if error.status_code == 404:
        path = ascii(request.url.path[:60])
        return error_answer(404, "unknown_path", f"There is no {path} here; /docs lists what there is.")
    return error_answer(error.status_code, "refused", str(error.detail), headers)


async def _disconnected(_: Request, __: Exception) -> Response:
    return error_answer(400, "disconnected", "The client went away before its upload was complete.")


async def _internal_error(_: Request, __: Exception) -> Response:
    return error_answer(500, "internal", "The service failed on this request; its log says why. It goes on.")
