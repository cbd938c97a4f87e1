"""Several event loops that accept connections from one socket, as the workers of a service do."""

import asyncio
import errno
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import pytest

if sys.platform == "win32":
    pytest.skip("workers share no socket on Windows", allow_module_level=True)

import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send

from darkroom.serving.http import listening
from darkroom.serving.http.connections import BoundedProtocol
from darkroom.serving.http.listening import Loop
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.timeout(120)
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def names_itself(name: str) -> Callable[[Scope, Receive, Send], object]:
    """Return an app whose responses hold the name of their server."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", str(len(name)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": name.encode()})

    return app


@contextmanager
def served(listener: socket.socket, name: str) -> Iterator[uvicorn.Server]:
    """Serve on a duplicate of `listener`, which shares its queue of connections."""
    config = uvicorn.Config(
        names_itself(name),
        http=BoundedProtocol,
        loop="darkroom.serving.http.listening:Loop",
        log_config=None,
        lifespan="off",
        timeout_keep_alive=60,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener.dup()]}, daemon=True)
    thread.start()
    try:
        eventually(lambda: server.started, f"{name} serves", seconds=30)
        yield server
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def server_of(connection: socket.socket) -> str:
    """Send a request over a connection; return which server responded."""
    connection.settimeout(30)
    connection.sendall(GET)
    response = b""
    while b"\r\n\r\n" not in response or len(response.partition(b"\r\n\r\n")[2]) < 1:
        response += connection.recv(65_536)
    assert response.startswith(b"HTTP/1.1 200")
    return response.partition(b"\r\n\r\n")[2].decode()


def connected(stack: ExitStack, listener: socket.socket) -> socket.socket:
    return stack.enter_context(closing(socket.create_connection(listener.getsockname())))


def test_the_server_with_fewer_connections_accepts_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    # long enough for busy machines
    monkeypatch.setattr(listening, "WAIT", 0.2)
    monkeypatch.setattr(listening, "MAX_WAIT", 1.0)
    with ExitStack() as stack:
        listener = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0))))
        a = stack.enter_context(served(listener, "a"))
        assert [server_of(connected(stack, listener)) for _ in range(4)] == ["a"] * 4
        b = stack.enter_context(served(listener, "b"))
        assert [server_of(connected(stack, listener)) for _ in range(3)] == ["b"] * 3
        for _ in range(2):
            server_of(connected(stack, listener))
        assert sorted(len(server.server_state.connections) for server in (a, b)) == [4, 5]


def test_a_stopping_server_leaves_waiting_connections_to_the_others() -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0))))
        stack.enter_context(served(listener, "a"))
        with served(listener, "b"):
            first = [server_of(connected(stack, listener)) for _ in range(8)]
        assert set(first) == {"a", "b"}
        assert {server_of(connected(stack, listener)) for _ in range(8)} == {"a"}


def test_a_connection_accepted_just_before_the_stop_gets_one_response_and_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A client that never pauses would otherwise keep the server running for ever."""
    accepted = threading.Event()

    async def after_the_stop(loop: Loop, *arguments: Any) -> object:
        accepted.set()
        while server.servers[0].sockets:
            await asyncio.sleep(0.01)
        return await uvloop.Loop.connect_accepted_socket(loop, *arguments)

    with ExitStack() as stack:
        listener = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0))))
        server = stack.enter_context(served(listener, "a"))
        monkeypatch.setattr(Loop, "connect_accepted_socket", after_the_stop, raising=False)
        connection = connected(stack, listener)
        connection.sendall(GET)
        assert accepted.wait(30)
        server.should_exit = True
        connection.settimeout(30)
        response = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert response.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in response


def test_a_single_server_accepts_all_connections() -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0))))
        server = stack.enter_context(served(listener, "a"))
        connections = [connected(stack, listener) for _ in range(100)]
        assert {server_of(each) for each in connections} == {"a"}
        assert len(server.server_state.connections) == 100


@pytest.mark.parametrize("error", [errno.EMFILE, errno.ENOMEM, errno.EPROTO])
def test_a_system_error_is_logged_and_accepting_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: int
) -> None:
    failures = 3
    accept = socket.socket.accept

    def full(this: socket.socket) -> object:
        nonlocal failures
        if failures:
            failures -= 1
            raise OSError(error, os.strerror(error))
        return accept(this)

    monkeypatch.setattr(listening, "ERROR_SECONDS", 0.05)
    with ExitStack() as stack:
        listener = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0))))
        stack.enter_context(served(listener, "a"))
        monkeypatch.setattr(socket.socket, "accept", full)
        assert server_of(connected(stack, listener)) == "a"
    message = f"No connection could be accepted ({os.strerror(error)}): trying again."
    assert [record.getMessage() for record in caplog.records if record.name == "darkroom"] == [message] * 3


def test_uvloop_listens_where_no_socket_is_shared() -> None:
    async def serve() -> bytes:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            try:
                return await reader.read()
            finally:
                writer.close()

    with asyncio.Runner(loop_factory=Loop) as runner:
        assert runner.run(serve()) == b""
