"""Metrics of requests by route: how many, how long they took and with which status they ended."""

from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..metrics import IN_PROGRESS, REQUEST_SECONDS, REQUESTS
from .admission import PROBES
from .forwarded import route_path

API = ("/predict", "/predict_batch", "/feedback", "/model", "/card", "/metrics")
PAGES = ("/", "/docs", "/openapi.json", "/docs.json", "/favicon.ico")
ROUTES = (*API, "page", "probe", "other")  # labels are from this list only: unknown paths must not add any


def route_of(path: str) -> str:
    """Return the label for a path, one of `ROUTES`.

    >>> route_of("/predict"), route_of("/page/main.js"), route_of("/secret")
    ('/predict', 'page', 'other')
    """
    if path in API:
        return path
    if path in PAGES or path.startswith("/page/"):
        return "page"
    return "probe" if path in PROBES else "other"


class RequestMetrics:
    """ASGI middleware that counts every request, refused ones too."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and measure it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, start = "none", perf_counter()

        async def sender(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = f"{message['status'] // 100}xx"
            await send(message)

        route = route_of(route_path(scope))
        IN_PROGRESS.inc()
        try:
            await self.app(scope, receive, sender)
        finally:
            IN_PROGRESS.dec()
            REQUESTS.labels(route, status).inc()
            REQUEST_SECONDS.labels(route).observe(perf_counter() - start)
