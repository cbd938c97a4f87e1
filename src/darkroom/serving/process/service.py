"""The BentoML service: one class with one model, and the Starlette app mounted at the root.

BentoML imports this module in every worker: settings, patches of the server and middleware take effect at
import. The model is loaded when BentoML instantiates the class.
"""

import gc
import os
import sys
from pathlib import Path
from typing import Any

import bentoml
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ...machine import cores, limit_libraries, memory
from ..escaping import escape_log_lines
from ..shared_folder import share_folder

limit_libraries()  # before numpy is imported, which starts its threads then
SHARED = share_folder(os.environ)

# after share_folder: these modules open files in that folder when they are imported
from ..http import connections  # noqa: E402
from ..http.access_log import AccessLog  # noqa: E402
from ..http.admission import PROBES, Admission  # noqa: E402
from ..http.app import create_app  # noqa: E402
from ..http.cancelled_uploads import CancelledUploads  # noqa: E402
from ..http.forwarded import BehindProxy  # noqa: E402
from ..http.rate_limit import RateLimit  # noqa: E402
from ..http.request_metrics import ROUTES, RequestMetrics  # noqa: E402
from ..metrics import start_worker  # noqa: E402
from ..monitoring.drift_collector import DriftCollector  # noqa: E402
from ..monitoring.feedback_store import FeedbackStore  # noqa: E402
from ..monitoring.monitor import Monitor  # noqa: E402
from ..monitoring.prediction_log import PredictionLog  # noqa: E402
from ..monitoring.recent_predictions import RecentPredictions  # noqa: E402
from ..monitoring.reference_file import read_reference  # noqa: E402
from ..prediction.engine import Engine  # noqa: E402
from ..prediction.model import Classifier  # noqa: E402
from ..settings import read_settings  # noqa: E402
from .notify import notify_readiness  # noqa: E402

# The same place in a checkout and in a Bento, which keeps the project's layout.
MODEL = Path(__file__).resolve().parents[4] / "models" / "champion"

settings = read_settings(os.environ, cores=cores().count, memory=memory().bytes)
escape_log_lines()
# http/forwarded.py reads what proxies send; uvicorn, which would first replace their address, does not
os.environ["DARKROOM_PROXIES"] = ",".join(
    settings.proxies
)  # BentoML's first process passes it to the workers
os.environ["FORWARDED_ALLOW_IPS"] = ""
# With this variable, which it sets in containers, BentoML does not restart workers that died.
os.environ.pop("BENTOML_CONTAINERIZED", None)
connections.install()
if settings.workers > 1 and sys.platform != "win32":  # Windows has neither uvloop nor shared sockets
    from ..http import listening

    listening.install()
feedback = FeedbackStore(settings.feedback, limit=settings.feedback_bytes) if settings.feedback else None
app = create_app(locked=bool(settings.tokens), feedback_store=feedback)


async def web(scope: Scope, receive: Receive, send: Send) -> None:
    """Pass every request on to the app.

    If a Starlette app is mounted, BentoML takes over its routes and serves pages of its own for other paths,
    one of which loads a tracker. It does not look inside an ASGI function.
    """
    await app(scope, receive, send)


@bentoml.service(
    name="darkroom",
    workers=settings.workers,
    traffic={"timeout": 90},
    http={"host": "127.0.0.1"},
    # BentoML's metrics have a label for every requested path, so their number is unbounded
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},  # http/access_log.py has the reason
    tracing={"excluded_urls": ".*"},  # tracing without a collector costs a fifth of a request
)
@bentoml.asgi_app(web, path="/")
class Darkroom:
    """Classifies images. The routes are in `http/app.py`."""

    def __init__(self) -> None:
        """Load the model once, before the first request."""
        with notify_readiness(os.environ):
            classifier = Classifier(MODEL, threads=settings.threads)
            app.state.engine = Engine(
                classifier, queue_seconds=settings.queue_seconds, held_bytes=settings.held_bytes
            )
            store = PredictionLog(settings.log, limit=settings.log_bytes) if settings.log else None
            drift = _drift(classifier)
            if store or drift:
                app.state.monitor = Monitor(
                    classifier, store=store, keep_images=settings.log_images, drift=drift
                )
            start_worker(classifier, routes=ROUTES)
            # what is loaded by now stays in memory; later garbage collections need not visit it
            gc.collect()
            gc.freeze()


def _drift(classifier: Classifier) -> DriftCollector | None:
    """Return the drift gauges; None for a model version without reference.json."""
    path, sha256 = MODEL / "reference.json", str(classifier.about["sha256"])
    if not path.is_file():
        return None
    reference = read_reference(path, sha256=sha256)
    file = SHARED / f"recent-predictions-{sha256[:12]}" if SHARED else None
    return DriftCollector(reference, RecentPredictions(reference.columns, file))


def _rate_limit() -> RateLimit | None:
    if not settings.requests_per_minute:
        return None
    return RateLimit(settings.requests_per_minute, SHARED)


# a request passes the middleware in this order
bento_service: Any = Darkroom  # at runtime the decorator has replaced the class by a bentoml.Service
bento_service.add_asgi_middleware(
    BehindProxy,
    proxies=settings.proxies,
    root_path=settings.root_path,
    routes=frozenset(PROBES) | {route.path for route in app.routes if isinstance(route, Route)},
)
if settings.access_log:
    bento_service.add_asgi_middleware(AccessLog)
bento_service.add_asgi_middleware(RequestMetrics)  # before those that refuse requests
bento_service.add_asgi_middleware(CancelledUploads)
bento_service.add_asgi_middleware(Admission, settings=settings, rate=_rate_limit())
