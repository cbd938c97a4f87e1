"""What a trusted proxy says of a request, and what anybody else may not say."""

import asyncio
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from darkroom.serving.http.admission import Admission
from darkroom.serving.http.forwarded import BehindProxy, TrustedProxies, route_path
from darkroom.serving.settings import Settings, read_settings

ROUTES = frozenset({"/", "/predict", "/model", "/docs", "/page/main.js"})
PROXY, OTHER = "10.0.0.1", "192.0.2.66"
Header = tuple[str, str]


def seen(
    *headers: Header,
    peer: str | None = PROXY,
    path: str = "/predict",
    proxies: str = "10.0.0.0/8",
    root_path: str = "",
) -> Scope:
    """Return the scope of a request as the app behind the middleware gets it."""
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)

    settings = read_settings({"DARKROOM_PROXIES": proxies, "DARKROOM_ROOT_PATH": root_path}, cores=1)
    wrapped = BehindProxy(app, proxies=settings.proxies, root_path=settings.root_path, routes=ROUTES)
    scope = {
        "type": "http",
        "scheme": "http",
        "path": path,
        "client": None if peer is None else (peer, 50_000),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
    }
    asyncio.run(wrapped(scope, None, None))  # type: ignore[arg-type]
    return scopes[0]


ALL = (
    ("x-forwarded-for", "203.0.113.9"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "photos.example"),
    ("x-forwarded-prefix", "/vision"),
)


def test_a_trusted_proxy_is_believed() -> None:
    scope = seen(*ALL)
    assert scope["client"][0] == "203.0.113.9"
    assert (scope["scheme"], scope["forwarded_host"]) == ("https", "photos.example")
    assert (scope["root_path"], scope["path"], route_path(scope)) == (
        "/vision",
        "/vision/predict",
        "/predict",
    )


@pytest.mark.parametrize(
    ("peer", "proxies"),
    [(OTHER, "10.0.0.0/8"), (PROXY, ""), ("::1", "127.0.0.1"), (None, "10.0.0.0/8")],
)
def test_anybody_else_is_not(peer: str | None, proxies: str) -> None:
    scope = seen(*ALL, peer=peer, proxies=proxies)
    assert scope["client"] == (None if peer is None else (peer, 50_000))
    assert (scope["scheme"], scope["root_path"], scope["path"]) == ("http", "", "/predict")
    assert "forwarded_host" not in scope


@pytest.mark.parametrize(
    ("peer", "proxies"),
    [
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("10.0.0.1", "::ffff:10.0.0.1"),
        ("fe80::1%eth0", "fe80::/10"),
        ("2001:db8::1", "127.0.0.1, 2001:db8::/32"),
        (None, "unix:"),
        ("198.51.100.1", "*"),
    ],
)
def test_proxies_are_networks_unix_sockets_or_everybody(peer: str | None, proxies: str) -> None:
    assert seen(*ALL, peer=peer, proxies=proxies)["client"][0] == "203.0.113.9"


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9", "203.0.113.9"),  # the first was made up
        ("203.0.113.9, 10.0.0.2", "203.0.113.9"),  # two proxies
        ("1.1.1.1, 203.0.113.9, 10.0.0.2,10.0.0.3", "203.0.113.9"),
        ("10.0.0.9, 10.0.0.2", "10.0.0.9"),  # a client on a proxy's machine
        ("203.0.113.9:50000", "203.0.113.9"),  # as Azure writes it
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:50000", "2001:db8::7"),
        ("fe80::7%eth0", "fe80::7"),
        ("fe80::7%\x1b[31m\n", "fe80::7"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, unix:", PROXY),
        ("unknown", PROXY),
        ("203.0.113.9, unknown", PROXY),
        ("203.0.113.9, unknown, 10.0.0.2", "10.0.0.2"),
        ("", PROXY),
        (",", PROXY),
        ("\x1b[31m\xff, 999.1.1.1", PROXY),
        ("127.1", PROXY),
        ("0x7f000001", PROXY),
        ("1.1.1.1," * 50_000 + "203.0.113.9", "203.0.113.9"),
    ],
)
def test_the_client_is_the_last_address_that_is_no_proxys(chain: str, client: str) -> None:
    assert seen(("x-forwarded-for", chain))["client"][0] == client


def test_several_headers_are_one_chain() -> None:
    assert (
        seen(("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "203.0.113.9"))["client"][0] == "203.0.113.9"
    )


def test_a_hop_over_a_unix_socket_is_skipped_where_it_is_trusted() -> None:
    proxies = "10.0.0.0/8, unix:"
    assert seen(("x-forwarded-for", "203.0.113.9, unix:"), proxies=proxies)["client"][0] == "203.0.113.9"


def test_trusting_every_peer_trusts_no_address_that_it_reports() -> None:
    assert TrustedProxies(["*"]).client("198.51.100.1", "1.1.1.1, 203.0.113.9") == "203.0.113.9"


@pytest.mark.parametrize("proto", ["gopher", "", "javascript", "https, ftp", "https\xff"])
def test_another_scheme_is_ignored(proto: str) -> None:
    assert seen(("x-forwarded-proto", proto))["scheme"] == "http"


def test_of_several_values_the_nearest_proxys_counts() -> None:
    scope = seen(
        ("x-forwarded-proto", "http, https"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-host", "photos.example"),
        ("x-forwarded-prefix", "//evil.example, /vision"),
    )
    assert (scope["scheme"], scope["forwarded_host"]) == ("https", "photos.example")
    assert scope["root_path"] == "/vision"


@pytest.mark.parametrize(
    "prefix",
    [
        "//evil.example",
        "/\\evil.example",
        '/"><script>',
        "vision",
        "https://x",
        "/a/../b",
        "/%2f%2fx",
        "/%00",
        "/ä",
    ],
)
def test_a_prefix_that_is_no_path_is_ignored(prefix: str) -> None:
    scope = seen(("x-forwarded-prefix", prefix))
    assert (scope["root_path"], scope["path"]) == ("", "/predict")


@pytest.mark.parametrize(
    ("prefix", "path", "route"),
    [
        ("/vision", "/vision/predict", "/predict"),
        ("/vision", "/predict", "/predict"),
        ("/vision", "/vision", "/"),
        ("/vision", "/vision/", "/"),
        ("/vision/", "/vision/docs", "/docs"),
        ("/a/b%20c", "/a/b c/docs", "/docs"),
        ("/vision", "/visionary", "/visionary"),
        ("/vision", "/vision/vision/predict", "/vision/predict"),
        ("/model", "/model", "/model"),  # removed from /model/model
        ("/model", "/model/model", "/model"),
        ("/model", "/model/", "/"),
        ("/page", "/page/main.js", "/page/main.js"),
        ("/page", "/page/page/main.js", "/page/main.js"),
        ("/", "/predict", "/predict"),
    ],
)
@pytest.mark.parametrize("named_by", ["header", "setting"])
def test_a_prefix_may_be_removed_or_passed_on(prefix: str, path: str, route: str, named_by: str) -> None:
    if named_by == "header":
        scope = seen(("x-forwarded-prefix", prefix), path=path)
    else:
        scope = seen(path=path, root_path=prefix, peer=OTHER)
    assert route_path(scope) == route
    assert scope["path"] == scope["root_path"] + route


def test_a_setting_is_no_reason_to_believe_a_header() -> None:
    assert seen(*ALL, peer=OTHER, root_path="/mine")["root_path"] == "/mine"
    assert seen(*ALL, root_path="/mine")["root_path"] == "/vision"


@pytest.mark.parametrize(
    ("origin", "headers", "passes"),
    [
        ("https://photos.example", ALL, True),
        ("https://photos.example:8443", (*ALL, ("x-forwarded-host", "photos.example:8443")), True),
        ("https://photos.example", (*ALL, ("x-forwarded-host", "photos.example:443")), True),
        ("https://evil.example", ALL, False),
        ("https://photos.example", (), False),
    ],
)
def test_a_page_is_our_own_by_the_host_that_its_client_asked_for(
    origin: str, headers: tuple[Header, ...], passes: bool
) -> None:
    """Apache and nginx send their own name for the service as the Host, unless they are told otherwise."""
    sent = [("host", "127.0.0.1:3000"), ("origin", origin), *headers]
    scope = {**seen(*sent), "method": "POST", "server": ("127.0.0.1", 3000)}
    messages: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Any) -> None:
        messages.append(message)

    asyncio.run(Admission(app, settings=Settings(1, 1), rate=None)(scope, None, send))  # type: ignore[arg-type]
    assert messages[0]["status"] == (200 if passes else 403)


def test_a_forwarded_host_does_not_hide_a_foreign_name() -> None:
    """DNS rebinding: the page of evil.example, which resolves to 127.0.0.1, may send any header but Host."""
    sent = [("host", "evil.example:3000"), ("x-forwarded-host", "localhost")]
    scope = seen(*sent, peer="127.0.0.1", proxies="127.0.0.1")
    scope = {**scope, "method": "GET", "server": ("127.0.0.1", 3000)}
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    asyncio.run(Admission(None, settings=Settings(1, 1), rate=None)(scope, None, send))  # type: ignore[arg-type]
    assert messages[0]["status"] == 421
