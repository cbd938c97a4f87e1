"""The access log: a line for each request, where `DARKROOM_ACCESS_LOG` is 1.

BentoML's own raises where a client's Content-Type is not UTF-8, and it sees the address of a proxy instead of
the client's.
"""

import logging
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .admission import PROBES
from .forwarded import route_path

log = logging.getLogger("bentoml.access")  # the name of BentoML's, whose handler writes it


class AccessLog:
    """ASGI middleware that logs each request but probes, when its response is complete."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and log it."""
        if scope["type"] != "http" or route_path(scope) in PROBES:
            await self.app(scope, receive, send)
            return
        status, start = 0, perf_counter()  # 0: no response was sent

        async def sender(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, sender)
        finally:
            client = (scope.get("client") or ("_", 0))[0]
            milliseconds = 1000 * (perf_counter() - start)
            # escaping.py escapes the path and the method
            log.info(
                "%s (scheme=%s,method=%s,path=%s) (status=%s) %.3fms",
                *(client, scope["scheme"], scope["method"], scope["path"], status, milliseconds),
            )
