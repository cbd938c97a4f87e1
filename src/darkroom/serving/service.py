"""The BentoML service: one class, one model, our app at the root."""

from pathlib import Path

import bentoml
from starlette.types import Receive, Scope, Send

from .app import create_app
from .model import Classifier

# The same place in a checkout and in a Bento, which keeps the project's layout.
MODEL = Path(__file__).resolve().parents[3] / "models" / "champion"

app = create_app()


async def web(scope: Scope, receive: Receive, send: Send) -> None:
    """Hand every request on to the app.

    Of a mounted Starlette app BentoML takes the routes it knows and answers the rest with pages of
    its own, one of which loads a tracker. It cannot look into a function.
    """
    await app(scope, receive, send)


@bentoml.service(name="darkroom", workers=1, traffic={"timeout": 90})
@bentoml.asgi_app(web, path="/")
class Darkroom:
    """Classifies pictures. The routes are in app.py."""

    def __init__(self) -> None:
        """Load the model once, before the first request."""
        app.state.classifier = Classifier(MODEL)
