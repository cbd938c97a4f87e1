"""Admission of requests: host, rate, origin and token, and the headers of every response."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from darkroom.serving.http.admission import Admission, role_for
from darkroom.serving.http.rate_limit import RateLimit
from darkroom.serving.settings import ROLES, Settings
from tests.helpers.app import refused

TOKENS = {role: f"{role}-token-0123456789" for role in ROLES}
LOCKED = Settings(workers=1, threads=1, tokens={token: role for role, token in TOKENS.items()})
OPEN = Settings(workers=1, threads=1)
FREE = ("/", "/docs", "/openapi.json", "/docs.json", "/page/main.js", "/livez", "/readyz", "/healthz")


def send(
    settings: Settings,
    path: str = "/predict",
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    limit: RateLimit | None = None,
    base: str = "http://127.0.0.1:3000",
    client: str = "192.0.2.7",
) -> httpx.Response:
    """Return the response of `Admission` before an app that responds to everything with "passed"."""

    def passed(_: Request) -> PlainTextResponse:
        return PlainTextResponse("passed", headers={"Cache-Control": "no-cache"})

    anything = Route("/{path:path}", passed, methods=["GET", "POST", "PUT", "DELETE", "OPTIONS"])
    app = Admission(Starlette(routes=[anything]), settings=settings, rate=limit)

    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, client=(client, 50_000))
        async with httpx.AsyncClient(transport=transport, base_url=base) as session:
            return await session.request(method, path, headers=dict(headers or {}))

    return asyncio.run(run())


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# --- tokens ------------------------------------------------------------------------------------------


def test_without_tokens_no_route_needs_one() -> None:
    for path in (*FREE, "/predict", "/model", "/feedback", "/metrics", "/whatever"):
        assert send(OPEN, path).text == "passed"


@pytest.mark.parametrize("path", FREE)
def test_page_description_and_probes_need_no_token(path: str) -> None:
    assert send(LOCKED, path, method="GET").text == "passed"


@pytest.mark.parametrize(
    ("path", "needed"),
    [
        ("/predict", "predict"),
        ("/predict_batch", "predict"),
        ("/model", "predict"),
        ("/card", "predict"),
        ("/feedback", "feedback"),
        ("/metrics", "admin"),
        ("/schema.json", "admin"),
        ("/predict/", "admin"),
        ("/anything/else", "admin"),
    ],
)
def test_every_other_path_needs_a_role(path: str, needed: str) -> None:
    assert role_for(path) == needed
    response = send(LOCKED, path)
    assert "Authorization: Bearer" in refused(response, 401, "no_token")
    assert response.headers["www-authenticate"].startswith("Bearer")
    for role, token in TOKENS.items():
        response = send(LOCKED, path, headers=bearer(token))
        if ROLES.index(role) >= ROLES.index(needed):
            assert response.text == "passed"
        else:
            assert role in refused(response, 403, "wrong_role")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Bearer",
        "Bearer ",
        f"Basic {TOKENS['admin']}",
        TOKENS["admin"],
        f"Bearer {TOKENS['admin'][:-1]}",
        f"Bearer {TOKENS['admin']}x",
        f"Bearer {TOKENS['admin'].upper()}",
        f"Bearer {TOKENS['admin']} {TOKENS['admin']}",
    ],
)
def test_an_unknown_token_is_refused(value: str) -> None:
    message = refused(send(LOCKED, headers={"Authorization": value}), 401, "no_token")
    assert "token-0123" not in message


def test_the_authorization_scheme_is_case_insensitive() -> None:
    assert send(LOCKED, headers={"Authorization": f"bearer {TOKENS['predict']}"}).text == "passed"


def test_every_token_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return a == b

    monkeypatch.setattr("darkroom.serving.http.admission.hmac.compare_digest", compare)
    for token in (TOKENS["predict"], TOKENS["admin"], "short", "wrong" * 100):
        compared.clear()
        send(LOCKED, headers=bearer(token))
        assert len(compared) == len(TOKENS), "the first match must not end the search"
        assert {len(a) for pair in compared for a in pair} == {32}, "digests, all of one length"


# --- rate --------------------------------------------------------------------------------------------


def test_too_many_requests_get_a_time_to_retry() -> None:
    limit = RateLimit(6, None)
    assert send(LOCKED, limit=limit).status_code == 401, "failed guesses count"
    response = send(LOCKED, limit=limit, headers=bearer(TOKENS["admin"]))
    assert "6 requests a minute" in refused(response, 429, "too_many_requests")
    assert 1 <= int(response.headers["retry-after"]) <= 10
    assert send(OPEN, "/livez", method="GET", limit=limit).text == "passed", "probes are never refused"
    assert send(OPEN, limit=limit, client="192.0.2.8").text == "passed"


# --- other sites -------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:3001", "http://[", ""])
def test_the_page_of_another_site_is_refused(origin: str) -> None:
    refused(send(OPEN, headers={"Origin": origin}), 403, "foreign_origin")
    response = send(OPEN, method="GET", headers={"Origin": origin})
    assert not [name for name in response.headers if name.startswith("access-control-")], "no CORS unless set"
    response = send(OPEN, method="OPTIONS", headers={"Origin": origin})
    assert not [name for name in response.headers if name.startswith("access-control-")]


def test_the_services_own_page_is_accepted() -> None:
    assert send(OPEN, headers={"Origin": "http://127.0.0.1:3000"}).text == "passed"


def test_a_site_named_in_the_settings_is_accepted() -> None:
    site = "https://app.example"
    settings = Settings(workers=1, threads=1, origins=(site,), tokens=LOCKED.tokens)
    preflight = send(settings, method="OPTIONS", headers={"Origin": site})
    assert preflight.status_code == 204
    assert "Authorization" in preflight.headers["access-control-allow-headers"]
    response = send(settings, headers={"Origin": site, **bearer(TOKENS["predict"])})
    assert response.text == "passed"
    for headers in (preflight.headers, response.headers):
        assert headers["access-control-allow-origin"] == site
        assert headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in headers
    other = send(settings, headers={"Origin": "https://evil.example", **bearer(TOKENS["predict"])})
    refused(other, 403, "foreign_origin")
    assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("localhost:3000", True),
        ("127.0.0.1", True),
        ("[::1]:3000", True),
        ("192.0.2.1:3000", True),
        ("photos.example", True),
        ("PHOTOS.example:80", True),
        ("evil.example:3000", False),
        ("localhost.evil.example", False),
    ],
)
def test_on_loopback_an_unknown_host_name_is_refused(host: str, known: bool) -> None:
    """DNS rebinding: a site makes its own name resolve to 127.0.0.1, and its page passes for ours."""
    settings = Settings(workers=1, threads=1, hosts=("photos.example",))
    response = send(settings, headers={"Host": host})
    if known:
        assert response.text == "passed"
    else:
        assert "DARKROOM_HOSTS" in refused(response, 421, "unknown_host")
    assert send(settings, headers={"Host": host}, base="http://192.0.2.99:3000").text == "passed"


# --- headers and settings ----------------------------------------------------------------------------


def test_every_response_has_the_headers_once_and_keeps_its_own() -> None:
    for response in (send(OPEN), send(LOCKED), send(OPEN, "/nowhere")):
        for name in (
            "content-security-policy",
            "x-content-type-options",
            "x-frame-options",
            "referrer-policy",
            "cross-origin-opener-policy",
            "cross-origin-resource-policy",
            "permissions-policy",
            "cache-control",
        ):
            assert len(response.headers.get_list(name)) == 1, name
    assert send(OPEN).headers["cache-control"] == "no-cache"
    assert send(LOCKED).headers["cache-control"] == "no-store"
    policy = send(OPEN).headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "*" not in policy


def test_websockets_are_closed() -> None:
    sent: list[Any] = []

    async def call() -> None:
        async def receive() -> dict[str, str]:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        async def app(*_: Any) -> None:
            raise AssertionError("a websocket reached the app")

        scope = {"type": "websocket", "path": "/predict", "headers": []}
        await Admission(app, settings=OPEN, rate=None)(scope, receive, send)

    asyncio.run(call())
    assert [message["type"] for message in sent] == ["websocket.close"]
