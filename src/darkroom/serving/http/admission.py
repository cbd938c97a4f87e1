"""Admission of requests: host, rate, origin and token are checked before any route, ours or BentoML's."""

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
from .forwarded import route_path
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
DEFAULT_PORTS = {"http": ":80", "https": ":443"}  # an origin never names them
SAFE = ("GET", "HEAD", "OPTIONS")


def role_for(path: str) -> str | None:
    """Return the role that a path needs; None: it needs no token. A path that is not listed needs `admin`.

    >>> role_for("/predict"), role_for("/anything"), role_for("/livez")
    ('predict', 'admin', None)
    """
    if path in PUBLIC or path.startswith("/page/"):
        return None
    if path in PREDICT:
        return "predict"
    return "feedback" if path in FEEDBACK else "admin"


class Admission:
    """ASGI middleware that checks host, rate, origin and token, and adds the headers of every response.

    A response that already has one of the headers keeps its own.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings, rate: RateLimit | None) -> None:
        """Wrap `app`."""
        self.app, self.settings, self.rate = app, settings, rate
        # digests have one length, so the time of a comparison does not depend on a token's length
        self._tokens = [(_digest(token), role) for token, role in settings.tokens.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on to the app, or refuse it."""
        if scope["type"] == "websocket":  # this service has none
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
            response = error_response(error.status, error.code, error.message, error.headers)
            await response(scope, receive, sender)
            return
        if scope["method"] == "OPTIONS" and headers.get("origin") in self.settings.origins:
            await sender({"type": "http.response.start", "status": 204, "headers": []})
            await sender({"type": "http.response.body", "body": b""})
            return
        await self.app(scope, receive, sender)

    def _check(self, scope: Scope, headers: Headers) -> None:
        path = route_path(scope)
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
        """Refuse an unknown host name on loopback.

        An attacker can make the name of a site resolve to 127.0.0.1 (DNS rebinding); the browser then takes
        that site's page for ours. Its Host header is what counts, even behind a proxy: the attacker's page
        cannot choose that one, but it can send X-Forwarded-Host.
        """
        server = scope.get("server") or ("", None)
        if not is_loopback(server[0]):
            return
        name = _host_name(headers.get("host", ""))
        if name and not (_is_address(name) or name == "localhost" or name in self.settings.hosts):
            raise RequestError(
                421,
                "unknown_host",
                f"This service listens on loopback only and is not known as {name[:60]!a}. If it should be, "
                "add the name to DARKROOM_HOSTS.",
            )

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        """Refuse a request that the page of another site sends on behalf of its visitor (CSRF)."""
        origin = headers.get("origin")
        if scope["method"] in SAFE or origin is None or origin in self.settings.origins:
            return
        host = scope.get("forwarded_host") or headers.get("host", "")
        if _authority(origin) != host.lower().removesuffix(DEFAULT_PORTS.get(scope["scheme"], "")):
            raise RequestError(
                403,
                "foreign_origin",
                f"A page of {origin[:60]!a} may not use this service. If it should, add it to "
                "DARKROOM_ORIGINS.",
            )

    def _check_token(self, headers: Headers, needed: str) -> None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        given = _digest(token.strip()) if scheme.lower() == "bearer" else b""
        role = ""
        for digest, token_role in self._tokens:  # always all of them: the time reveals no match
            if hmac.compare_digest(digest, given):
                role = token_role
        if not role:
            raise RequestError(
                401,
                "no_token",
                "This route needs a valid token: Authorization: Bearer <token>.",
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


def _authority(origin: str) -> str:
    """Return host and port of an origin, in lower case; empty where it is `null` or malformed."""
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
    """Return whether an address can be reached from its own machine only.

    >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0"), is_loopback("localhost")
    (True, False, False)
    """
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
