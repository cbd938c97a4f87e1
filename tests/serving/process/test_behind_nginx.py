"""A served Bento behind a real nginx: at a path, with `deploy/nginx.conf` as it is, and in the other ways."""

import http.client
import json
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
import requests

from tests.helpers.nginx import EXAMPLE, PASSED_ON, UNBUFFERED, nginx
from tests.helpers.serving import bento_of, encoded, random_image, serve_bento

pytestmark = pytest.mark.timeout(180)
PNG = encoded(random_image())
SETTINGS = {"DARKROOM_PROXIES": "127.0.0.1", "DARKROOM_HOSTS": "photos.example"}


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with serve_bento(*bento_of("cifar10")[:2], settings=SETTINGS) as url:
        yield url


@pytest.fixture(scope="module")
def removed(service: str) -> Iterator[str]:
    """Behind the example, which removes the prefix."""
    with nginx(service, EXAMPLE) as url:
        yield url + "/vision/"


@pytest.fixture(scope="module")
def prefixed() -> Iterator[str]:
    """A service whose setting names the prefix."""
    settings = SETTINGS | {"DARKROOM_ROOT_PATH": "/vision"}
    with serve_bento(*bento_of("cifar10")[:2], settings=settings) as url:  # waits for /readyz
        yield url


@pytest.fixture(scope="module")
def passed_on(prefixed: str) -> Iterator[str]:
    """Behind an nginx that passes the prefix on and does not name it: the service's setting does."""
    with nginx(prefixed, PASSED_ON) as url:
        yield url + "/vision/"


@pytest.fixture(params=["removed", "passed_on"])
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


def test_every_route_responds_under_the_prefix(url: str) -> None:
    for path in (
        "",
        "docs",
        "model",
        "card",
        "metrics",
        "openapi.json",
        "docs.json",
        "page/main.js",
        "readyz",
    ):
        assert requests.get(url + path, timeout=30).status_code == 200, path
    prediction = requests.post(url + "predict", files={"image": PNG}, timeout=30)
    assert len(prediction.json()["classes"]) == 3
    batch = requests.post(url + "predict_batch", files=[("images", PNG)] * 2, timeout=30)
    assert len(batch.json()["predictions"]) == 2
    feedback = requests.post(url + "feedback", files={"image": PNG}, data={"class": "cat"}, timeout=30)
    assert feedback.json()["error"]["code"] == "feedback_off"
    error = requests.get(url + "nothing", timeout=30).json()["error"]["message"]
    assert "/vision/docs lists the routes" in error


def test_without_its_last_slash_the_prefix_leads_to_the_page(url: str) -> None:
    response = requests.get(url.removesuffix("/"), timeout=30)
    assert response.status_code == 200
    assert '<base href="/vision/">' in response.text
    assert [each.headers["location"] for each in response.history] in ([], ["/vision/"])


@pytest.fixture
def untold(service: str) -> Iterator[str]:
    """Behind an nginx that removes the prefix and says nothing of it."""
    with nginx(
        service, "location /vision/ { proxy_pass http://darkroom/; proxy_set_header Host $host; }"
    ) as url:
        yield url + "/vision/"


@pytest.mark.parametrize("page", ["", "docs", "card"])
@pytest.mark.parametrize("url", ["removed", "passed_on", "untold"], indirect=True)
def test_every_link_of_a_page_leads_somewhere_under_the_prefix(url: str, page: str) -> None:
    text = requests.get(url + page, timeout=30).text
    base = re.search(r'<base href="([^"]+)"', text)
    start = urljoin(url + page, base[1] if base else "")
    links = [
        link for link in re.findall(r'(?:href|src)="([^"]*)"', text) if not link.startswith(("data:", "#"))
    ]
    assert len(links) >= (0 if page == "card" else 5)
    for link in links:
        target = urljoin(start, link)
        assert target.startswith(url.removesuffix("/")), link
        assert requests.get(target, timeout=30).status_code == 200, target


def test_the_description_names_the_prefix_so_that_clients_find_the_routes(url: str) -> None:
    document = requests.get(url + "openapi.json", timeout=30).json()
    (server,) = document["servers"]
    assert server == {"url": "/vision"}
    for path, methods in document["paths"].items():
        if "get" in methods:
            target = urljoin(url, server["url"] + path)
            assert requests.get(target, timeout=30).status_code == 200, target


def test_directly_there_is_no_prefix(service: str) -> None:
    assert "servers" not in requests.get(service + "/openapi.json", timeout=30).json()
    assert "<base" not in requests.get(service + "/", timeout=30).text
    assert requests.get(service + "/vision/model", timeout=30).status_code == 404


def test_probes_need_no_prefix_where_a_setting_names_it(prefixed: str) -> None:
    for path in ("/readyz", "/vision/readyz", "/metrics"):
        assert requests.get(prefixed + path, timeout=30).status_code == 200


def test_one_connection_carries_many_requests(removed: str, service: str) -> None:
    place = urlsplit(removed)
    with closing(http.client.HTTPConnection(place.netloc, timeout=30)) as connection:
        connection.connect()
        opened = connection.sock
        for _ in range(20):
            connection.request("GET", "/vision/model")
            response = connection.getresponse()
            assert response.status == 200
            response.read()
            assert connection.sock is opened


def test_what_is_text_is_compressed_and_images_are_not(removed: str) -> None:
    for path in ("page/main.js", "page/page.css", "model", "openapi.json", "card", "docs"):
        response = requests.get(removed + path, headers={"Accept-Encoding": "gzip"}, timeout=30)
        assert response.headers.get("content-encoding") == "gzip", path
        assert response.text


def test_a_chunked_upload_is_predicted(url: str) -> None:
    form = (
        b'--cut\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n%b\r\n--cut--\r\n' % PNG
    )
    chunks = iter([form[:50], form[50:300], form[300:]])
    kind = {"Content-Type": "multipart/form-data; boundary=cut"}
    response = requests.post(url + "predict", data=chunks, headers=kind, timeout=30)
    assert len(response.json()["classes"]) == 3, response.text


def test_an_upload_of_the_largest_size_reaches_the_service(removed: str) -> None:
    response = requests.post(removed + "predict", files={"image": bytes(9_900_000)}, timeout=60)
    assert response.json()["error"]["code"] == "not_an_image"


@pytest.mark.parametrize("seconds", [2, pytest.param(30, marks=pytest.mark.slow)])
def test_a_slow_upload_is_predicted(service: str, removed: str, seconds: int) -> None:
    """Also where nginx collects nothing, so that the service itself waits for the client."""
    form = (
        b'--cut\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n%b\r\n--cut--\r\n' % PNG
    )

    def send(url: str) -> bytes:
        place, steps = urlsplit(url), 20
        head = (
            f"POST {place.path}predict HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
            f"Content-Type: multipart/form-data; boundary=cut\r\nContent-Length: {len(form)}\r\n\r\n"
        )
        with closing(socket.create_connection((place.hostname or "", place.port or 0), 60)) as connection:
            connection.sendall(head.encode())
            for step in range(steps):
                connection.sendall(form[len(form) * step // steps : len(form) * (step + 1) // steps])
                time.sleep(seconds / steps)
            response = b""
            while received := connection.recv(65536):
                response += received
        return response

    with nginx(service, UNBUFFERED) as unbuffered, ThreadPoolExecutor() as pool:
        for response in pool.map(send, [removed, unbuffered + "/", service + "/"]):
            assert response.startswith(b"HTTP/1.1 200"), response
            assert b'"classes"' in response


def test_the_page_of_the_site_may_post_and_another_may_not(removed: str) -> None:
    for origin, status in (("https://photos.example", 200), ("https://evil.example", 403)):
        response = requests.post(
            removed + "predict",
            files={"image": PNG},
            headers={"Host": "photos.example", "Origin": origin},
            timeout=30,
        )
        assert response.status_code == status, response.text
    response = requests.get(removed, headers={"Host": "evil.example"}, timeout=30)
    assert response.status_code == 421


def test_the_rate_limit_counts_clients_and_not_the_proxy() -> None:
    # nginx is the client of nginx: every request comes from 127.0.0.1, which is both trusted and a client
    settings = SETTINGS | {"DARKROOM_RATE": "30"}
    with serve_bento(*bento_of("cifar10")[:2], settings=settings) as service, nginx(service) as inner:

        def statuses(url: str, addresses: list[str], count: int = 12) -> list[int]:
            return [
                requests.get(
                    url, headers={"X-Forwarded-For": addresses[number % len(addresses)]}, timeout=30
                ).status_code
                for number in range(count)
            ]

        url = inner + "/vision/model"
        assert 429 in statuses(url, ["203.0.113.1"])
        assert 429 not in statuses(url, [f"203.0.113.{number}" for number in range(2, 14)])
        # what the client made up stands before the address that counts
        forged = [f"198.51.100.{number}, 203.0.113.50" for number in range(12)]
        assert 429 in statuses(url, forged)
        assert 429 in statuses(url, [f"2001:db8::{number:x}" for number in range(12)])  # one /64
        metrics = requests.get(
            inner + "/vision/metrics", headers={"X-Forwarded-For": "203.0.113.99"}, timeout=30
        ).text
        assert 'darkroom_requests_total{route="/model",status="4xx"}' in metrics, "the refused ones count"


def test_from_anybody_else_the_headers_are_ignored() -> None:
    settings = {"DARKROOM_PROXIES": "192.0.2.1", "DARKROOM_RATE": "30"}
    with serve_bento(*bento_of("cifar10")[:2], settings=settings) as service:
        headers = {"X-Forwarded-Prefix": "/evil", "X-Forwarded-Host": "evil.example"}
        assert "<base" not in requests.get(service + "/", headers=headers, timeout=30).text
        statuses = [
            requests.get(
                service + "/model", headers={"X-Forwarded-For": f"203.0.113.{number}"}, timeout=30
            ).status_code
            for number in range(12)
        ]
        assert 429 in statuses


def test_behind_tls_the_page_is_our_own(service: str, tmp_path: Path) -> None:
    made = subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem", "-days", "1"),
            *("-subj", "/CN=photos.example", "-addext", "subjectAltName=DNS:photos.example"),
        ],
        capture_output=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    tls = f"ssl_certificate {tmp_path}/cert.pem; ssl_certificate_key {tmp_path}/key.pem;"
    with nginx(service, EXAMPLE, tls=tls) as url:
        place = urlsplit(url)
        context = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        form = (
            b'--cut\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n%b\r\n--cut--\r\n'
            % PNG
        )
        raw = socket.create_connection((place.hostname or "", place.port or 0), 30)
        with closing(context.wrap_socket(raw, server_hostname="photos.example")) as connection:
            host = f"photos.example:{place.port}"
            head = (
                f"POST /vision/predict HTTP/1.1\r\nHost: {host}\r\nOrigin: https://{host}\r\n"
                "Content-Type: multipart/form-data; boundary=cut\r\nConnection: close\r\n"
                f"Content-Length: {len(form)}\r\n\r\n"
            )
            connection.sendall(head.encode() + form)
            response = b""
            while received := connection.recv(65536):
                response += received
        assert response.startswith(b"HTTP/1.1 200"), response
        assert b"http://" not in response.lower(), "no link leads back to plain HTTP"
        assert json.loads(response.partition(b"\r\n\r\n")[2])["classes"]
