"""Requests that come through a reverse proxy: who sent them, to which host, and under which path.

A proxy tells that in the headers `X-Forwarded-For`, `-Proto`, `-Host` and `-Prefix`. Anyone can send them, so
they count only where the connection comes from an address in `DARKROOM_PROXIES`. uvicorn's own middleware
knows neither host nor prefix, and takes any text for an address. `Forwarded` (RFC 7239) is ignored: hardly
any proxy sends it, and most pass on what their client put there.
"""

import ipaddress
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ..path_prefix import parse_prefix

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
MAX_HOPS = 32  # addresses that are read of one request, the nearest first
MAX_HOST = 255  # characters


def route_path(scope: Scope) -> str:
    """Return the path of a request without the prefix of a proxy.

    >>> route_path({"path": "/vision/predict", "root_path": "/vision"}), route_path({"path": "/predict"})
    ('/predict', '/predict')
    """
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


def parse_address(text: str) -> Address | None:
    """Return an address as proxies write it, without port, brackets and zone; None where it is not one.

    >>> parse_address("[2001:db8::7%eth0]:50000"), parse_address("192.0.2.7:50000")
    (IPv6Address('2001:db8::7'), IPv4Address('192.0.2.7'))
    >>> parse_address("::ffff:192.0.2.7"), parse_address("unknown")
    (IPv4Address('192.0.2.7'), None)
    """
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


class TrustedProxies:
    """The proxies that an operator trusts."""

    def __init__(self, proxies: Sequence[str]) -> None:
        """Take addresses, networks, `unix:` and `*`, as `Settings.proxies` has them."""
        self.any_peer, self.unix = "*" in proxies, "unix:" in proxies
        self._networks = [ipaddress.ip_network(each) for each in proxies if each not in ("*", "unix:")]

    def has_peer(self, peer: str) -> bool:
        """Return whether whoever opened the connection is a proxy; `peer` is empty for a Unix socket."""
        return self.any_peer or (self.has(peer) if peer else self.unix)

    def has(self, text: str) -> bool:
        """Return whether an address in `X-Forwarded-For` is a proxy's; `*` says nothing about those."""
        if text.strip() == "unix:":  # as nginx writes a peer on a Unix socket
            return self.unix
        address = parse_address(text)
        return address is not None and any(address in network for network in self._networks)

    def client(self, peer: str, chain: str) -> str:
        """Return the address of the client: the last one in `chain` that is not a proxy's.

        Each proxy appends the address that it was called from, so what stands before that may be made up.
        Where an entry is no address, the client is the proxy that reported it; where all are proxies, the
        first one.

        >>> TrustedProxies(["10.0.0.0/8"]).client("10.0.0.1", "203.0.113.9, 192.0.2.7, 10.0.0.2")
        '192.0.2.7'
        """
        client = peer
        for entry in reversed(chain.rsplit(",", MAX_HOPS)):
            if entry.strip() == "unix:" and self.unix:
                continue
            address = parse_address(entry)
            if address is None:
                break
            client = str(address)
            if not self.has(client):
                break
        return client


class BehindProxy:
    """ASGI middleware that puts what a trusted proxy says into the scope, for all that comes after it.

    `client` and `scheme` are the client's, `forwarded_host` is the host that the client asked for.
    `root_path` is the prefix; `path` begins with it, as ASGI wants it, whether the proxy removed it or passed
    it on.
    """

    def __init__(
        self, app: ASGIApp, *, proxies: Sequence[str], root_path: str, routes: frozenset[str]
    ) -> None:
        """Wrap `app`.

        Args:
            app: the app.
            proxies: that are trusted, as in `Settings`.
            root_path: the prefix where no proxy names one.
            routes: all paths of this service: a path that is one of them has no prefix, even if it begins
                like one (`/model` under the prefix `/model`).
        """
        self.app, self.root_path, self.routes = app, root_path, routes
        self.proxies = TrustedProxies(proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "http":
            scope = self._located(scope)
        await self.app(scope, receive, send)

    def _located(self, scope: Scope) -> Scope:
        client = scope.get("client") or ("", 0)
        found = {**scope}
        prefix = self.root_path
        if self.proxies.has_peer(client[0]):
            headers = Headers(scope=scope)
            if chain := ",".join(headers.getlist("x-forwarded-for")):
                found["client"] = (self.proxies.client(client[0], chain), 0)
            if (scheme := _last(headers, "x-forwarded-proto").lower()) in ("http", "https"):
                found["scheme"] = scheme
            if host := _last(headers, "x-forwarded-host"):
                found["forwarded_host"] = host[:MAX_HOST]
            if named := parse_prefix(_last(headers, "x-forwarded-prefix")):
                prefix = named
        path = scope["path"]
        if prefix and path not in self.routes and f"{path}/".startswith(f"{prefix}/"):
            path = path.removeprefix(prefix) or "/"
        return {**found, "root_path": prefix, "path": prefix + path}


def _last(headers: Headers, name: str) -> str:
    """Return the last of a header's values, which the nearest proxy wrote; empty where there is none."""
    return ",".join(headers.getlist(name)).rpartition(",")[2].strip()
