"""What every request passes first, whichever route it is for: ours, BentoML's, or none."""

import hashlib
import hmac
import ipaddress
import math
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import RequestError, error_response
from ..settings import ROLES, Settings
from .rate_limit import RateLimit

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), geolocation=(), microphone=()"),
    (b"cache-control", b"no-store"),
)
PROBES = ("/livez", "/readyz", "/healthz")
PUBLIC = (*PROBES, "/", "/docs", "/openapi.json", "/docs.json", "/favicon.ico")
PREDICT = ("/predict", "/predict_batch", "/model", "/card")
FEEDBACK = ("/feedback",)
SAFE = ("GET", "HEAD", "OPTIONS")


def role_for(path: str) -> str | None:
    """Return the role that a path needs; None: it is for everybody. What is not listed is for admins."""
    if path in PUBLIC or path.startswith("/page/"):
        return None
    if path in PREDICT:
        return "predict"
    return "feedback" if path in FEEDBACK else "admin"


class Admission:
    """Checks host, rate, origin and token, and adds the headers that every answer has.

    An answer that has one of the headers keeps its own.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings, rate: RateLimit | None) -> None:
        """Wrap `app`."""
        self.app, self.settings, self.rate = app, settings, rate
        # digests are of one length, so that comparing them tells nothing of a token's
        self._tokens = [(_digest(token), role) for token, role in settings.tokens.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "websocket":  # there are none
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        added = [*HEADERS, *self._cross_origin(headers)]

        async def sender(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((name, value) for name, value in added if name not in given),
                ]
            await send(message)

        try:
            self._check(scope, headers)
        except RequestError as error:
            answer = error_response(error.status, error.code, error.message, error.headers)
            await answer(scope, receive, sender)
            return
        if scope["method"] == "OPTIONS" and headers.get("origin") in self.settings.origins:
            await sender({"type": "http.response.start", "status": 204, "headers": []})
            await sender({"type": "http.response.body", "body": b""})
            return
        await self.app(scope, receive, sender)

    def _check(self, scope: Scope, headers: Headers) -> None:
        path = scope["path"]
        self._check_host(scope, headers)
        if path in PROBES:
            return
        client = scope["client"][0] if scope.get("client") else ""
        if self.rate and (seconds := self.rate.wait(client)) > 0:
            raise RequestError(
                429,
                "too_many_requests",
                f"More than {self.rate.requests_per_minute} requests a minute came from {client}. "
                "Wait and try again.",
                headers={"Retry-After": str(math.ceil(seconds))},
            )
        self._check_origin(scope, headers)
        preflight = scope["method"] == "OPTIONS" and headers.get("origin") in self.settings.origins
        if self._tokens and not preflight and (needed := role_for(path)):
            self._check_token(headers, needed)

    def _check_host(self, scope: Scope, headers: Headers) -> None:
        """Refuse a foreign name on loopback: a site whose name was made to point here asks for itself."""
        server = scope.get("server") or ("", None)
        if not is_loopback(server[0]):
            return
        name = _host_name(headers.get("host", ""))
        if name and not (_is_address(name) or name == "localhost" or name in self.settings.hosts):
            raise RequestError(
                421,
                "unknown_host",
                f"This service listens on this machine alone and is not known as {name[:60]!a}. Where that "
                "is right, name it in DARKROOM_HOSTS.",
            )

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        """Refuse what the page of another site sends in its visitor's name."""
        origin = headers.get("origin")
        if scope["method"] in SAFE or origin is None or origin in self.settings.origins:
            return
        if _place(origin) != headers.get("host", "").lower():
            raise RequestError(
                403,
                "foreign_origin",
                f"A page of {origin[:60]!a} may not use this service. Where it is to, name it in "
                "DARKROOM_ORIGINS.",
            )

    def _check_token(self, headers: Headers, needed: str) -> None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        given = _digest(token.strip()) if scheme.lower() == "bearer" else b""
        role = ""
        for digest, its in self._tokens:  # all of them, always: time tells nothing
            if hmac.compare_digest(digest, given):
                role = its
        if not role:
            raise RequestError(
                401,
                "no_token",
                "This needs a token that is known here: Authorization: Bearer <token>.",
                headers={"WWW-Authenticate": 'Bearer realm="darkroom"'},
            )
        if ROLES.index(role) < ROLES.index(needed):
            raise RequestError(403, "wrong_role", f"This token has the role {role}; needed here: {needed}.")

    def _cross_origin(self, headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
        if not self.settings.origins:
            return []
        added = [(b"vary", b"Origin")]
        origin = headers.get("origin")
        if origin in self.settings.origins:
            added += [
                (b"access-control-allow-origin", origin.encode("latin-1")),
                (b"access-control-allow-methods", b"GET, POST"),
                (b"access-control-allow-headers", b"Authorization, Content-Type"),
                (b"access-control-expose-headers", b"Retry-After"),
                (b"access-control-max-age", b"600"),
                (b"cross-origin-resource-policy", b"cross-origin"),
            ]
        return added


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _place(origin: str) -> str:
    """Return host and port of an origin, lower case; empty for `null` and what is none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _host_name(host: str) -> str:
    """Return the name in a Host header, without its port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(host: str | None) -> bool:
    """Tell whether an address can be reached from its own machine alone."""
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
