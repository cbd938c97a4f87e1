"""The routes: the HTTP API, its description and the page."""

import asyncio
import base64
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .metrics import PREDICTIONS, REJECTED, SECONDS, UNSURE
from .model import Classifier
from .openapi import describe
from .pictures import MAX_PIXELS, PictureError, decode, to_model_input, to_png
from .uploads import MAX_BATCH_BYTES, MAX_BATCH_PICTURES, MAX_PICTURE_BYTES, RequestError, read_pictures

PAGE = Path(__file__).parent / "page"
DEFAULT_K = 3
# A decoded picture of the largest size takes hundreds of megabytes, so few are decoded at once.
DECODERS = min(os.cpu_count() or 1, 4)
DRAIN_BYTES, DRAIN_SECONDS = 64_000_000, 5.0
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# The card brings its style and pictures in itself, and has nothing else to do.
CARD_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
T = TypeVar("T")


def create_app() -> Starlette:
    """Return the app. Whoever starts it sets `app.state.classifier` before the first request."""
    files = {"/": "index.html", "/docs": "docs.html"}
    files |= {
        f"/page/{path.name}": path.name for path in PAGE.iterdir() if path.suffix in (".css", ".js", ".svg")
    }
    return Starlette(
        routes=[
            Route("/predict", predict, methods=["POST"]),
            Route("/predict_batch", predict_batch, methods=["POST"]),
            Route("/model", model, methods=["GET"]),
            Route("/card", card, methods=["GET"]),
            Route("/openapi.json", openapi, methods=["GET"]),
            Route("/docs.json", openapi, methods=["GET"]),
            *(Route(path, _file(PAGE / name), methods=["GET"]) for path, name in files.items()),
        ],
        middleware=[Middleware(Headers), Middleware(Drain)],
        exception_handlers={
            HTTPException: _http_error,
            RequestError: _request_error,
            PictureError: _picture_error,
            ClientDisconnect: _disconnected,
            Exception: _internal_error,
        },
    )


async def predict(request: Request) -> Response:
    """Classify one picture."""
    classifier: Classifier = request.app.state.classifier
    upload = await read_pictures(request, field="picture", max_bytes=MAX_PICTURE_BYTES, max_pictures=1)
    k = _parse_k(request.query_params.get("k", upload.k), len(classifier.classes))

    def work() -> tuple[NDArray[np.uint8], NDArray[np.float32], float, str]:
        start = time.perf_counter()
        pixels = _prepare(upload.pictures[0], classifier)
        (probabilities,) = classifier.predict(pixels[None])
        return pixels, probabilities, time.perf_counter() - start, _data_url(pixels)

    _, probabilities, seconds, seen = await _in_thread(request, work)
    prediction = _prediction(probabilities, k, classifier)
    _count("/predict", [prediction], seconds)
    return JSONResponse(
        {
            **prediction,
            "model": {"name": classifier.name, "version": classifier.version},
            "milliseconds": round(seconds * 1000, 3),
            "input": seen,
        }
    )


async def predict_batch(request: Request) -> Response:
    """Classify several pictures, all or none."""
    classifier: Classifier = request.app.state.classifier
    upload = await read_pictures(
        request, field="pictures", max_bytes=MAX_BATCH_BYTES, max_pictures=MAX_BATCH_PICTURES
    )
    k = _parse_k(request.query_params.get("k", upload.k), len(classifier.classes))

    def work() -> tuple[NDArray[np.float32], float]:
        start = time.perf_counter()
        pixels = np.empty((len(upload.pictures), *classifier.shape), np.uint8)
        for number, data in enumerate(upload.pictures):
            try:
                pixels[number] = _prepare(data, classifier)
            except PictureError as error:
                where = (
                    f"Picture {number + 1} of {len(upload.pictures)}: {error.message} Nothing was classified."
                )
                raise PictureError(error.code, where, error.status) from error
        return classifier.predict(pixels), time.perf_counter() - start

    probabilities, seconds = await _in_thread(request, work)
    predictions = [_prediction(row, k, classifier) for row in probabilities]
    _count("/predict_batch", predictions, seconds)
    return JSONResponse(
        {
            "predictions": predictions,
            "model": {"name": classifier.name, "version": classifier.version},
            "milliseconds": round(seconds * 1000, 3),
        }
    )


async def model(request: Request) -> Response:
    """Tell what the model is and what may be sent to it."""
    classifier: Classifier = request.app.state.classifier
    limits = {
        "picture_bytes": MAX_PICTURE_BYTES,
        "picture_pixels": MAX_PIXELS,
        "batch_pictures": MAX_BATCH_PICTURES,
        "batch_bytes": MAX_BATCH_BYTES,
    }
    told = {"sure_from": classifier.sure_from, "card": classifier.card is not None, "limits": limits}
    return JSONResponse({**classifier.about, **told})


async def card(request: Request) -> Response:
    """Answer with the model card."""
    classifier: Classifier = request.app.state.classifier
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
    return JSONResponse(describe(request.app.state.classifier, default_k=DEFAULT_K))


def _file(path: Path) -> Callable[[Request], Response]:
    return lambda _: FileResponse(path, headers={"Cache-Control": "no-cache"})


def _prepare(data: bytes, classifier: Classifier) -> NDArray[np.uint8]:
    height, width, channels = classifier.shape
    return to_model_input(decode(data), height=height, width=width, channels=channels)


def _data_url(pixels: NDArray[np.uint8]) -> str:
    return "data:image/png;base64," + base64.b64encode(to_png(pixels)).decode()


def _prediction(probabilities: NDArray[np.float32], k: int, classifier: Classifier) -> dict[str, Any]:
    best = np.argsort(-probabilities, kind="stable")[:k]
    classes = [{"class": classifier.classes[i], "probability": float(probabilities[i])} for i in best]
    return {"classes": classes, "sure": classifier.is_sure(float(probabilities[best[0]]))}


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


def _count(route: str, predictions: list[dict[str, Any]], seconds: float) -> None:
    SECONDS.labels(route).observe(seconds)
    for prediction in predictions:
        best = prediction["classes"][0]["class"]
        PREDICTIONS.labels(best).inc()
        if prediction["sure"] is False:
            UNSURE.labels(best).inc()


async def _in_thread(request: Request, work: Callable[[], T]) -> T:
    """Run `work` off the event loop, at most `DECODERS` at a time."""
    if not hasattr(request.app.state, "limiter"):
        request.app.state.limiter = anyio.CapacityLimiter(DECODERS)
    return await anyio.to_thread.run_sync(work, limiter=request.app.state.limiter)


def _error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    REJECTED.labels(code).inc()
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers)


async def _request_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return _error(error.status, error.code, error.message)


async def _picture_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, PictureError)
    return _error(error.status, error.code, error.message)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        allowed = headers.get("Allow", "another method")
        message = f"{request.url.path} does not take {request.method}; use {allowed}."
        return _error(405, "wrong_method", message, headers)
    if error.status_code == 404:
        path = ascii(request.url.path[:60])
        return _error(404, "unknown_path", f"There is no {path} here; /docs lists what there is.")
    return _error(error.status_code, "refused", str(error.detail), headers)


async def _disconnected(_: Request, __: Exception) -> Response:
    return _error(400, "disconnected", "The client went away before its upload was complete.")


async def _internal_error(_: Request, __: Exception) -> Response:
    return _error(500, "internal", "The service failed on this request; its log says why. It goes on.")


class Headers:
    """Adds to every answer what tells a browser to trust nothing but this origin.

    An answer that has one of these headers keeps its own.
    """

    ADDED = (
        (b"content-security-policy", POLICY.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
    )

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def sender(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                added = [(name, value) for name, value in self.ADDED if name not in given]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await self.app(scope, receive, sender)


class Drain:
    """Lets a client that is refused in the middle of its upload read the answer.

    A connection closed while the client still sends is reset, and the answer is lost. So an answer
    that comes before the end of the body is sent at once, and what still arrives is thrown away for
    a while before the connection closes.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        complete = False

        async def receiver() -> Message:
            nonlocal complete
            message = await receive()
            complete = complete or message["type"] == "http.disconnect" or not message.get("more_body", False)
            return message

        async def drain() -> None:
            left = DRAIN_BYTES
            while not complete and left > 0:
                left -= len((await receiver()).get("body", b""))

        async def sender(message: Message) -> None:
            if message["type"] == "http.response.start" and not complete:
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            if message["type"] == "http.response.body" and not complete and not message.get("more_body"):
                await send({**message, "more_body": True})
                try:
                    async with asyncio.timeout(DRAIN_SECONDS):
                        await drain()
                except TimeoutError:
                    pass
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        await self.app(scope, receiver, sender)
