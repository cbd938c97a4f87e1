"""A real service with real workers under overload, broken clients and signals."""

import signal
import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import numpy as np
import psutil
import pytest
import requests

from tests.helpers.serving import CIFAR, bento_of, encoded, linear_graph, random_image, serving
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.timeout(300)
ADMIN = {"Authorization": "Bearer an-admin-token-0123456789"}
PREDICT = {"Authorization": "Bearer a-predict-token-0123456789"}
SETTINGS = {
    "DARKROOM_WORKERS": "2",
    "DARKROOM_QUEUE_SECONDS": "0.2",
    "DARKROOM_ADMIN_TOKENS": ADMIN["Authorization"].split()[1],
    "DARKROOM_PREDICT_TOKENS": PREDICT["Authorization"].split()[1],
    "BENTOML_CONTAINERIZED": "true",  # where BentoML itself replaces no worker
}
Service = tuple[str, psutil.Process]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving(*bento_of("slow")[:2], settings=SETTINGS) as (url, supervisor):
        process = psutil.Process(supervisor.pid)
        eventually(lambda: len(workers(process)) == 2, "there are two workers")
        yield url, process


@pytest.fixture
def url(service: Service) -> Iterator[str]:
    """The service; after each test it still predicts correctly."""
    yield service[0]
    response = predict(service[0])
    assert response.status_code == 200, response.text
    best = int(expected().argmax())
    assert response.json()["classes"][0]["class"] == CIFAR[best]


def expected() -> np.ndarray:
    import onnxruntime

    graph = linear_graph(32, 32, 3, 10).SerializeToString()
    session = onnxruntime.InferenceSession(graph)
    return np.asarray(session.run(None, {"images": random_image()[None]})[0][0])


def workers(supervisor: psutil.Process) -> list[psutil.Process]:
    """Return the worker processes."""
    found = []
    for process in supervisor.children(recursive=True):
        try:
            if "_bentoml_impl.worker.service" in process.cmdline():
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def predict(url: str) -> requests.Response:
    files = {"image": encoded(random_image())}
    return requests.post(url + "/predict", files=files, headers=PREDICT, timeout=60)


def batch(url: str, size: int) -> requests.Response:
    files = [("images", ("p", encoded(random_image())))] * size
    return requests.post(url + "/predict_batch", files=files, headers=PREDICT, timeout=120)


def connect(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def head(path: str, length: int, *, more: str = "") -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {PREDICT['Authorization']}\r\n"
        f"Content-Type: multipart/form-data; boundary=cut\r\nContent-Length: {length}\r\n{more}\r\n"
    ).encode()


def form(size: int) -> bytes:
    part = b'--cut\r\nContent-Disposition: form-data; name="images"; filename="a.png"\r\n\r\n%s\r\n'
    return part % encoded(random_image()) * size + b"--cut--\r\n"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/page/main.js", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/livez", 200),
        ("GET", "/healthz", 200),
        ("GET", "/model", 401),
        ("GET", "/card", 401),
        ("POST", "/predict", 401),
        ("POST", "/predict_batch", 401),
        ("GET", "/metrics", 401),
        ("GET", "/schema.json", 401),
        ("GET", "/static_content/index.css", 401),
        ("POST", "/v1/predict", 401),
        ("POST", "/nothing", 401),
    ],
)
def test_every_route_needs_its_token(url: str, method: str, path: str, status: int) -> None:
    """This includes the routes that BentoML adds."""
    response = requests.request(method, url + path, timeout=30)
    assert response.status_code == status
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    assert not [name for name in response.headers if name.lower().startswith("access-control-")]
    if status == 401:
        wrong = requests.request(method, url + path, headers={"Authorization": "Bearer x"}, timeout=30)
        assert wrong.status_code == 401
        assert requests.request(method, url + path, headers=ADMIN, timeout=30).status_code != 401


def test_requests_beyond_the_capacity_are_refused(url: str) -> None:
    with ThreadPoolExecutor(48) as pool:
        responses = list(pool.map(lambda _: batch(url, 8), range(96)))
    statuses = Counter(response.status_code for response in responses)
    assert set(statuses) == {200, 503}, statuses
    for response in responses:
        if response.status_code == 503:
            assert response.headers["retry-after"] == "1"
            assert response.json()["error"]["code"] == "too_busy"
        else:
            assert len(response.json()["predictions"]) == 8
    assert predict(url).status_code == 200, "after the load it accepts requests again"


def test_probes_answer_under_load(url: str) -> None:
    with ThreadPoolExecutor(24) as pool:
        load = [pool.submit(batch, url, 8) for _ in range(48)]
        probes = [requests.get(url + "/livez", timeout=30).status_code for _ in range(10)]
        assert {future.result().status_code for future in load} <= {200, 503}
    assert probes == [200] * 10


def test_slow_and_broken_clients_do_not_stop_the_service(url: str, service: Service) -> None:
    body = form(4)
    with ExitStack() as stack:
        for number in range(300):  # more than either worker has threads
            connection = stack.enter_context(closing(connect(url)))
            if number % 3 == 0:
                connection.sendall(b"POST /predict HTTP/1.1\r\nHost: loc")  # and nothing more
            elif number % 3 == 1:
                connection.sendall(head("/predict_batch", len(body)) + body[: len(body) // 2])
            else:
                connection.sendall(head("/predict_batch", len(body)) + body)
                reset = b"\x01\x00\x00\x00\x00\x00\x00\x00"
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
                connection.close()
            if number % 30 == 0:
                assert predict(url).status_code in (200, 503)
        eventually(lambda: predict(url).status_code == 200, "it responds while they keep their connections")
    assert len(workers(service[1])) == 2, "no worker died"


def test_a_killed_worker_is_replaced_and_no_request_hangs(url: str, service: Service) -> None:
    supervisor = service[1]
    before = workers(supervisor)
    with ThreadPoolExecutor(8) as pool:
        load = [pool.submit(batch, url, 4) for _ in range(8)]
        before[0].send_signal(signal.SIGKILL)
        broken = 0
        for future in load:
            try:
                assert future.result(timeout=120).status_code in (200, 503)
            except requests.ConnectionError:  # requests of the killed worker fail at once
                broken += 1
    assert broken < len(load), "the other worker continues"

    def replaced() -> bool:
        now = {process.pid for process in workers(supervisor)}
        return len(now) == 2 and before[0].pid not in now

    assert predict(url).status_code == 200, "meanwhile the other worker responds"
    eventually(replaced, "a new worker replaced the killed one")


def holds(processes: list[psutil.Process], client: socket.socket) -> bool:
    """Return whether one of the workers has accepted the connection."""
    ports = {c.raddr.port for process in processes for c in process.net_connections("tcp") if c.raddr}
    return client.getsockname()[1] in ports


def test_stopping_completes_accepted_requests(service: Service) -> None:
    url, supervisor = service
    started = workers(supervisor)
    body = form(32)
    with closing(connect(url)) as accepted:
        # the 100 arrives once the app waits for the body: the request is accepted
        accepted.sendall(head("/predict_batch", len(body), more="Expect: 100-continue\r\n"))
        assert accepted.recv(1000).startswith(b"HTTP/1.1 100")
        accepted.sendall(body)
        # not before: one that says nothing for 10 seconds is told so
        with closing(connect(url)) as idle:
            eventually(lambda: holds(started, idle), "a worker has accepted it")
            supervisor.send_signal(signal.SIGTERM)
            response = b""
            while received := accepted.recv(65536):
                response += received
            assert response.startswith(b"HTTP/1.1 200"), response[:200]
            assert response.count(b'"confident"') == 32
            assert idle.recv(1000) == b""
    eventually(lambda: not supervisor.is_running() or supervisor.status() == "zombie", "the service stopped")
    for process in started:
        eventually(lambda process=process: not process.is_running(), "no worker is running")  # type: ignore[misc]
    with pytest.raises(requests.ConnectionError):
        predict(url)
