"""Requests that a Bento served by `bentoml serve` refuses, over HTTP."""

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from darkroom.serving.http.uploads import MAX_BATCH_IMAGES
from tests.helpers.live_service import RGB, refused, send
from tests.helpers.serving import encoded

pytestmark = pytest.mark.timeout(180)


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 422, "empty"),
        (b"no image at all", 422, "not_an_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 422, "not_an_image"),
        (encoded(RGB)[:-400], 422, "broken_image"),
        (encoded(RGB, "JPEG")[:-60], 422, "broken_image"),
        (encoded(Image.new("1", (10_000, 5_001))), 413, "too_many_pixels"),
    ],
    ids=["empty", "text", "svg", "short png", "short jpeg", "50.01 megapixels"],
)
def test_bad_images_get_a_clear_error(url: str, data: bytes, status: int, code: str) -> None:
    message = refused(send(url, data), status, code)
    assert len(message) > 30
    assert "Traceback" not in message
    assert "/" not in message.replace("/docs", "")  # no path on the server


def test_an_upload_whose_declared_length_is_too_large_is_refused(url: str) -> None:
    message = refused(send(url, bytes(11_000_000)), 413, "too_large")
    assert "10,000,000" in message


FORM = {"Content-Type": "multipart/form-data; boundary=cut"}
PART = b'--cut\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'


def test_a_chunked_upload_is_limited_while_it_streams(url: str) -> None:
    def body() -> Iterator[bytes]:
        yield PART
        for _ in range(120):
            yield bytes(100_000)

    response = requests.post(url + "/predict", data=body(), headers=FORM, timeout=60)
    refused(response, 413, "too_large")


def test_an_endless_upload_is_refused_while_it_streams(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)), timeout=60)) as connection:
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: multipart/form-data; boundary=cut\r\n\r\n"
        )
        chunk = b"%x\r\n%s\r\n"
        connection.sendall(chunk % (len(PART), PART))
        for _ in range(11):
            connection.sendall(chunk % (1_000_000, bytes(1_000_000)))
        # the body has not ended
        response = b""
        while b"too_large" not in response:
            received = connection.recv(65536)
            assert received, response
            response += received
    assert response.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    ("files", "data", "code"),
    [
        ({"photo": encoded(RGB)}, None, "unknown_field"),
        ({"image": encoded(RGB), "other": b"x"}, None, "unknown_field"),
        ([("image", encoded(RGB)), ("image", encoded(RGB))], None, "too_many_images"),
        ({"k": (None, "3")}, None, "no_image"),
        ({"image": (None, "http://127.0.0.1/a.png")}, None, "not_a_file"),
        ({"image": encoded(RGB)}, {"k": "0"}, "bad_k"),
        ({"image": encoded(RGB)}, {"k": "11"}, "bad_k"),
        ({"image": encoded(RGB)}, {"k": "many"}, "bad_k"),
    ],
)
def test_wrong_fields_are_refused_by_name(url: str, files: Any, data: Any, code: str) -> None:
    refused(requests.post(url + "/predict", files=files, data=data, timeout=30), 400, code)


@pytest.mark.parametrize("kind", ["image/png", "application/json", "application/x-www-form-urlencoded", ""])
def test_a_body_that_is_not_a_form_is_refused(url: str, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    response = requests.post(url + "/predict", data=encoded(RGB), headers=headers, timeout=30)
    assert "multipart/form-data" in refused(response, 415, "not_a_form")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"--cut\r\n"),
        ("multipart/form-data; boundary=cut", b"no boundary here"),
        (
            "multipart/form-data; boundary=cut",
            b"--cut\r\nContent-Disposition: form-data\r\n\r\nx\r\n--cut--\r\n",
        ),
    ],
)
def test_a_malformed_form_is_refused(url: str, kind: str, body: bytes) -> None:
    response = requests.post(url + "/predict", data=body, headers={"Content-Type": kind}, timeout=30)
    refused(response, 400, "bad_form")


@pytest.mark.parametrize(("method", "path"), [("GET", "/predict"), ("PUT", "/predict"), ("POST", "/model")])
def test_a_wrong_method_is_refused(url: str, method: str, path: str) -> None:
    response = requests.request(method, url + path, timeout=30)
    assert path in refused(response, 405, "wrong_method")
    assert response.headers["allow"]


@pytest.mark.parametrize(
    "path", ["/nothing", "/static_content/index.css", "/page/../app.py", "/page/%2e%2e/app.py"]
)
def test_an_unknown_path_is_refused(url: str, path: str) -> None:
    session = requests.Session()
    request = requests.Request("GET", url).prepare()
    request.url = url + path  # not normalised
    refused(session.send(request, timeout=30), 404, "unknown_path")


def test_a_bad_image_of_a_batch_is_named(url: str) -> None:
    files = [("images", encoded(RGB)), ("images", b"bad"), ("images", encoded(RGB))]
    response = requests.post(url + "/predict_batch", files=files, timeout=30)
    assert "Image 2 of 3" in refused(response, 422, "not_an_image")


def test_a_batch_is_limited_in_images_and_bytes(url: str) -> None:
    files = [("images", encoded(RGB))] * (MAX_BATCH_IMAGES + 1)
    response = requests.post(url + "/predict_batch", files=files, timeout=30)
    assert "65" in refused(response, 413, "too_many_images")
    files = [("images", bytes(9_000_000))] * 5
    refused(requests.post(url + "/predict_batch", files=files, timeout=60), 413, "too_large")


def test_addresses_and_paths_that_a_client_sends_are_not_opened(url: str, tmp_path: Path) -> None:
    """A socket listens where the uploads point; nothing connects to it."""
    secret = tmp_path / "secret.png"
    secret.write_bytes(encoded(RGB))
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        link = f"http://127.0.0.1:{listener.getsockname()[1]}/a.png"
        svg = f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{link}"/></svg>'
        for text in (link, str(secret), secret.as_uri(), svg):
            refused(
                requests.post(url + "/predict", files={"image": (None, text)}, timeout=30),
                400,
                "not_a_file",
            )
            refused(send(url, text.encode()), 422, "not_an_image")
            named = requests.post(url + "/predict", files={"image": (text, b"x")}, timeout=30)
            refused(named, 422, "not_an_image")
            query = requests.post(url + "/predict", params={"image": text, "url": text}, timeout=30)
            refused(query, 415, "not_a_form")
        for options in (
            {"json": {"image": link}},
            {"json": {"images": [link]}},
            {"json": {"args": [link], "kwargs": {"image": {"url": link}}}},
            {"data": {"image": link}},
            {"data": link, "headers": {"Content-Type": "text/uri-list"}},
            {"data": link, "headers": {"Content-Type": "image/png", "Content-Location": link}},
        ):  # the forms in which BentoML's own endpoints accept a file or its address
            for path in ("/predict", "/predict_batch"):
                refused(requests.post(url + path, **options, timeout=30), 415, "not_a_form")
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):  # no connection is waiting
            listener.accept()
        with closing(socket.create_connection(listener.getsockname())):  # the check does notice a connection
            listener.accept()[0].close()
