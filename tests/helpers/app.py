"""Requests to the service's app without a server."""

import asyncio
from collections.abc import Sequence

import httpx

from darkroom.serving.http.app import create_app
from darkroom.serving.monitoring.feedback_store import FeedbackStore
from darkroom.serving.prediction.engine import Engine
from darkroom.serving.prediction.model import Classifier
from tests.helpers.serving import encoded, random_image

IMAGE = encoded(random_image())
Part = tuple[str, bytes | tuple[None, str]]  # the name of a field, and a file's content or a text


def send(
    classifier: Classifier,
    method: str,
    path: str,
    *,
    store: FeedbackStore | None = None,
    files: Sequence[Part] = (("image", IMAGE),),
    fields: dict[str, str] | None = None,
) -> httpx.Response:
    """Return the app's response to a request; a POST has a form of `files` and text `fields`."""

    async def run() -> httpx.Response:
        app = create_app(feedback_store=store)
        app.state.engine = Engine(classifier, queue_seconds=60)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            if method != "POST":
                return await client.request(method, path)
            return await client.post(path, files=list(files), data=fields or {})

    return asyncio.run(run())


def refused(response: httpx.Response, status: int, code: str) -> str:
    """Check that a request was refused with this status and code; return the message."""
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["code"] == code
    return str(error["message"])
