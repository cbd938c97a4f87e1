"""`BoundedProtocol` against slow, endless and greedy clients, on real sockets, with short deadlines."""

import asyncio
import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from darkroom.serving.http import connections
from darkroom.serving.http.connections import HEAD_BYTES, BoundedProtocol
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.timeout(120)
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
BIG = 50_000_000


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Respond with the length of the body, on /wait after a while; on /big respond with `BIG` bytes."""
    if scope["type"] != "http":
        return
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    if scope["path"] == "/wait":
        await asyncio.sleep(0.7)
    body = bytes(BIG) if scope["path"] == "/big" else str(length).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the deadlines short enough to wait for."""
    monkeypatch.setattr(connections, "SWEEP_SECONDS", 0.05)
    for name, seconds in {"HEAD": 0.6, "BODY": 1.2, "RESPONSE": 1.2, "STOP": 0.6, "STOP_IDLE": 0.6}.items():
        monkeypatch.setattr(connections, f"{name}_SECONDS", seconds)


@contextmanager
def served() -> Iterator[tuple[uvicorn.Server, int]]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, http=BoundedProtocol, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield server, listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive(), "the server did not stop"


@pytest.fixture
def running(quick: None) -> Iterator[tuple[uvicorn.Server, int]]:
    """A server and its port; after the test it still responds and has no connections."""
    with served() as (server, port):
        yield server, port
        assert exchange(port, GET).startswith(b"HTTP/1.1 200")
        eventually(lambda: not server.server_state.connections, "no connection stays open", seconds=30)


@pytest.fixture
def port(running: tuple[uvicorn.Server, int]) -> int:
    return running[1]


def wait_for_requests(server: uvicorn.Server, count: int) -> None:
    """Wait until the app works on `count` requests."""
    tasks = server.server_state.tasks
    eventually(
        lambda: len(tasks) >= count,
        lambda: f"{count} requests in progress; there are {len(tasks)}",
        seconds=30,
    )


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def until_closed(connection: socket.socket) -> bytes:
    """Return what is received until the connection is closed or reset."""
    response = b""
    with contextlib.suppress(ConnectionError):
        while received := connection.recv(65536):
            response += received
    return response


def exchange(port: int, request: bytes) -> bytes:
    with closing(connect(port)) as connection:
        connection.sendall(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        return until_closed(connection)


def wait_past_head_deadline(port: int) -> None:
    """Return when headers that began after the call were refused: with any before that had happened too."""
    with closing(connect(port)) as stalled:
        stalled.sendall(GET[:-2])
        assert until_closed(stalled).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("sent", [b"", b"GET / HT", GET[:-2], GET + b"GET / HT"], ids=repr)
def test_a_request_that_stalls_gets_408(port: int, sent: bytes) -> None:
    with closing(connect(port)) as connection:
        connection.sendall(sent)
        response = until_closed(connection)
    assert response.count(b"HTTP/1.1 200") == sent.count(b"\r\n\r\n")
    assert b"HTTP/1.1 408" in response


def test_a_request_sent_drop_by_drop_is_closed_at_the_deadline(port: int) -> None:
    with closing(connect(port)) as connection:
        connection.sendall(GET[:-2])
        for _ in range(600):  # a header line now and then does not extend the deadline
            connection.sendall(b"X: y\r\n")
            if select.select([connection], [], [], 0.05)[0]:
                break
        else:
            raise AssertionError("the request was never refused")
        assert until_closed(connection).startswith(b"HTTP/1.1 408"), "it was closed for its slowness"


def test_a_body_may_take_longer_than_headers(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "BODY_SECONDS", 60)
    with closing(connect(port)) as connection:
        connection.sendall(POST + b"Content-Length: 2\r\nConnection: close\r\n\r\n1")
        wait_past_head_deadline(port)
        connection.sendall(b"2")
        response = until_closed(connection)
        assert response.startswith(b"HTTP/1.1 200")
        assert response.endswith(b"\r\n\r\n2")


def test_a_connection_whose_body_does_not_arrive_is_closed(port: int) -> None:
    with closing(connect(port)) as connection:
        connection.sendall(POST + b"Content-Length: 100\r\n\r\nhalf")
        assert until_closed(connection) == b""


def test_a_connection_whose_response_is_not_read_is_closed(quick: None) -> None:
    with served() as (server, port), closing(connect(port)) as connection:
        connection.sendall(GET.replace(b"/", b"/big", 1))
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        eventually(lambda: not server.server_state.connections, "the connection is closed", seconds=30)


@pytest.mark.parametrize("line", [b"X: y\r\n", b"y" * 1000], ids=["many lines", "one line"])
def test_endless_headers_are_refused(port: int, line: bytes) -> None:
    with closing(connect(port)) as connection:
        connection.sendall(GET[:-2] + b"Long: ")
        with contextlib.suppress(ConnectionError):
            for _ in range(2 * HEAD_BYTES // len(line)):
                connection.sendall(line)
        assert until_closed(connection)[:12] in (b"HTTP/1.1 431", b"HTTP/1.1 400", b"")


def test_headers_of_usual_length_are_accepted(port: int) -> None:
    request = GET[:-2] + b"Cookie: " + b"x" * 30_000 + b"\r\n\r\n"
    assert exchange(port, request).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "endless",
    [b"1;" + b"e" * 1000 + b"\r\nx\r\n", b"0\r\nTrailer: " + b"x" * 1000],
    ids=["extensions", "trailers"],
)
def test_chunk_framing_without_content_is_refused(port: int, endless: bytes) -> None:
    with closing(connect(port)) as connection:
        connection.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        sent = 0
        with contextlib.suppress(ConnectionError):
            connection.sendall(endless)
            while sent < 20_000_000:
                piece = endless if endless[:1] == b"1" else b"x" * 10_000
                connection.sendall(piece)
                sent += len(piece)
        assert sent < 20_000_000


def test_a_body_in_small_chunks_is_accepted(port: int) -> None:
    body = b"".join(b"8\r\n12345678\r\n" for _ in range(20_000)) + b"0\r\n\r\n"
    response = exchange(port, POST + b"Transfer-Encoding: chunked\r\n\r\n" + body)
    assert response.endswith(b"160000")


def test_at_too_many_connections_the_longest_waiting_one_is_closed(
    running: tuple[uvicorn.Server, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, port = running
    monkeypatch.setattr(BoundedProtocol, "max_connections", 20)
    with ExitStack() as stack:
        busy = stack.enter_context(closing(connect(port)))
        busy.sendall(GET.replace(b"/", b"/wait", 1))
        wait_for_requests(server, 1)
        for _ in range(60):
            stack.enter_context(closing(connect(port))).sendall(b"GET / HT")
        assert exchange(port, GET).startswith(b"HTTP/1.1 200")
        assert busy.recv(65536).startswith(b"HTTP/1.1 200"), (
            "a connection with a complete request is not closed"
        )


def test_the_service_survives_connection_resets(port: int) -> None:
    for sent in (b"", b"GET", POST + b"Content-Length: 100\r\n\r\nhalf", GET.replace(b"/", b"/wait", 1)):
        for _ in range(20):
            with closing(connect(port)) as connection:
                connection.sendall(sent)
                # closing with this option sends a reset
                linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def test_stopping_answers_complete_requests_and_limits_the_wait_for_the_rest(quick: None) -> None:
    with ExitStack() as stack:
        with served() as (server, port):
            whole, half, idle = (stack.enter_context(closing(connect(port))) for _ in range(3))
            whole.sendall(GET.replace(b"/", b"/wait", 1))
            half.sendall(POST + b"Content-Length: 100\r\n\r\nhalf")
            wait_for_requests(server, 2)
            server.should_exit = True
        assert until_closed(whole).startswith(b"HTTP/1.1 200")
        assert until_closed(half) == b""
        assert until_closed(idle) == b""


def test_stopping_answers_new_requests_on_open_connections(quick: None) -> None:
    with served() as (server, port), ExitStack() as stack:
        fresh, kept, silent = (stack.enter_context(closing(connect(port))) for _ in range(3))
        kept.sendall(GET)
        assert kept.recv(1000).endswith(b"0")
        eventually(lambda: len(server.server_state.connections) == 3, "all are accepted", seconds=10)
        server.should_exit = True
        eventually(
            lambda: not (server.servers and server.servers[0].is_serving()),
            "it has stopped listening",
            seconds=10,
        )
        for connection in (fresh, kept):  # their clients cannot know of the stop yet
            connection.sendall(GET)
            response = until_closed(connection)
            assert response.startswith(b"HTTP/1.1 200")
            assert b"connection: close" in response
        assert until_closed(silent) == b""


def test_sequential_and_pipelined_requests_share_a_connection(port: int) -> None:
    with closing(connect(port)) as connection:
        for _ in range(3):
            connection.sendall(GET)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
            wait_past_head_deadline(port)  # between requests it does not count
        connection.sendall(GET * 5)
        response = b""
        while response.count(b"HTTP/1.1 200") < 5:
            received = connection.recv(65536)
            assert received, response
            response += received
