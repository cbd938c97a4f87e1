"""The BentoML service: one class, one model, our app at the root."""

import os
from pathlib import Path

import bentoml
from starlette.types import Receive, Scope, Send

from . import connections
from .app import create_app
from .drain import Drain
from .engine import Engine
from .feedback import FeedbackStore
from .guard import Guard
from .model import Classifier
from .rate import RateLimit
from .settings import read_settings, usable_cores

# The same place in a checkout and in a Bento, which keeps the project's layout.
MODEL = Path(__file__).resolve().parents[3] / "models" / "champion"

settings = read_settings(os.environ, cores=usable_cores())
# Whom a proxy says it speaks for is believed only where the operator names the proxy.
os.environ.setdefault("FORWARDED_ALLOW_IPS", "")
# In a container BentoML leaves a worker that died dead, and goes on with those that are left.
os.environ.pop("BENTOML_CONTAINERIZED", None)
connections.install()
feedback = FeedbackStore(settings.feedback, limit=settings.feedback_bytes) if settings.feedback else None
app = create_app(locked=bool(settings.tokens), feedback_store=feedback)


async def web(scope: Scope, receive: Receive, send: Send) -> None:
    """Hand every request on to the app.

    Of a mounted Starlette app BentoML takes the routes it knows and answers the rest with pages of
    its own, one of which loads a tracker. It cannot look into a function.
    """
    await app(scope, receive, send)


@bentoml.service(
    name="darkroom",
    workers=settings.workers,
    traffic={"timeout": 90},
    http={"host": "127.0.0.1"},
    # BentoML's figures have a label for every path that anybody asks for, and so grow without end
    metrics={"enabled": False},
    logging={"access": {"enabled": settings.access_log}},
    tracing={"excluded_urls": ".*"},  # tracing that nobody collects costs a fifth of a request
)
@bentoml.asgi_app(web, path="/")
class Darkroom:
    """Classifies pictures. The routes are in app.py."""

    def __init__(self) -> None:
        """Load the model once, before the first request."""
        classifier = Classifier(MODEL, threads=settings.threads)
        app.state.engine = Engine(classifier, queue_seconds=settings.queue_seconds)


def _rate_limit() -> RateLimit | None:
    if not settings.requests_per_minute:
        return None
    shared = os.environ.get("PROMETHEUS_MULTIPROC_DIR")  # the one folder that BentoML gives all workers
    return RateLimit(settings.requests_per_minute, Path(shared) if shared else None)


# bentoml.service makes a Service of the class
Darkroom.add_asgi_middleware(Drain)  # type: ignore[attr-defined]
Darkroom.add_asgi_middleware(  # type: ignore[attr-defined]
    Guard, settings=settings, rate=_rate_limit()
)
