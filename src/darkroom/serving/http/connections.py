"""HTTP connections that cannot be held open, or fed without end, by a slow or hostile client."""

import asyncio
import http
from collections.abc import Iterable
from typing import Any

import uvicorn.protocols.http.auto
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10  # for the first line and the headers of a request
BODY_SECONDS = 75  # for the rest of it; the app itself gives up, with an answer, after 60
ANSWER_SECONDS = 90  # for working on it and for the client to take the answer
STOP_SECONDS = 15  # for what is left of an upload when the service is told to stop
STOP_IDLE_SECONDS = 2  # for a request that may be on its way then, over a connection that is open already
HEAD_BYTES = 65_536
CHUNK_BYTES = 262_144  # what the framing of a chunked body, or trailers, may weigh beside a quarter of it
MAX_CONNECTIONS = 1_000  # of one worker
SWEEP_SECONDS = 1.0


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol with deadlines, a limit on headers, and room for who comes new.

    uvicorn itself waits for ever for the end of a request that has begun, keeps headers of any length
    in memory, and takes connections until no file descriptor is left.
    """

    max_connections = MAX_CONNECTIONS

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """As uvicorn's."""
        super().__init__(*arguments, **options)
        self.deadline = float("inf")
        self.since = 0.0
        self.in_head = True
        self.complete = False  # the request has arrived whole
        self.leaving = False  # the service was told to stop
        self.raw_bytes = self.body_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request; close the connection that waited longest where there are too many."""
        super().connection_made(transport)
        self._expect_head()
        if len(self.connections) == 1:
            self.loop.call_later(SWEEP_SECONDS, sweep, self.loop, self.connections)
        if len(self.connections) > self.max_connections:
            waiting = [other for other in _ours(self.connections) if other.since and other is not self]
            if waiting:
                min(waiting, key=lambda other: other.since).transport.abort()
            else:
                self.refuse(503, "There are too many connections. Try again.", {"retry-after": "1"})

    def data_received(self, data: bytes) -> None:
        """Count what arrives, and parse it."""
        self.raw_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self.in_head:
            if self.raw_bytes > HEAD_BYTES:
                self.refuse(431, f"The headers are longer than {HEAD_BYTES:,} bytes.")
        elif self.raw_bytes - self.body_bytes > HEAD_BYTES + CHUNK_BYTES + self.body_bytes // 4:
            self.refuse(400, "There is more framing than content in this request.")

    def on_message_begin(self) -> None:
        """Expect the headers."""
        super().on_message_begin()
        self._expect_head()

    def on_headers_complete(self) -> None:
        """Expect the body."""
        self.in_head = False
        self.deadline = self.loop.time() + BODY_SECONDS
        super().on_headers_complete()
        if self.leaving and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Count the body's own bytes."""
        self.body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Expect the answer to be given and taken."""
        super().on_message_complete()
        self.complete, self.since = True, 0.0
        self.raw_bytes = self.body_bytes = 0  # of the next request
        self.deadline = self.loop.time() + ANSWER_SECONDS

    def on_response_complete(self) -> None:
        """Wait for the next request; uvicorn's keep-alive timer ends that."""
        super().on_response_complete()
        if self.complete and not self.pipeline and not self.transport.get_write_buffer_size():
            self.deadline, self.since = float("inf"), self.loop.time()
            if self.leaving:  # it was told to stop in the midst of this answer, and could not say so
                self.deadline = self.since + STOP_IDLE_SECONDS

    def shutdown(self) -> None:
        """Answer what arrived and what arrives soon, and say each time that the connection ends.

        uvicorn closes connections that wait at once. A request that is on its way then meets a closed
        door, and its client cannot know whether it was carried out. An upload that goes on has a little
        time left.
        """
        self.leaving = True
        now = self.loop.time()
        if self.cycle is not None and not self.cycle.response_complete:
            # once the headers are out, the client takes it that the connection stays
            self.cycle.keep_alive = self.cycle.keep_alive and self.cycle.response_started
        elif not self.raw_bytes:
            self.deadline = min(self.deadline, now + STOP_IDLE_SECONDS)
        if not self.complete and self.raw_bytes:
            self.deadline = min(self.deadline, now + STOP_SECONDS)

    def refuse(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        """Answer with an error from here, before any app is asked, and close."""
        lines = [f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}", "connection: close"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        body = message.encode()
        lines += ["content-type: text/plain; charset=utf-8", f"content-length: {len(body)}", "", ""]
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write("\r\n".join(lines).encode() + body)
            self.transport.close()  # once the client took it
            self.deadline = self.loop.time() + HEAD_SECONDS
            if self.cycle is not None:
                self.cycle.disconnected = True
                self.cycle.message_event.set()
        else:
            self.transport.abort()

    def expire(self) -> None:
        """End a connection that is past its deadline."""
        if self.leaving and not self.raw_bytes and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()
        elif self.in_head and not self.transport.is_closing():
            self.refuse(408, f"The headers were not complete after {HEAD_SECONDS} seconds.")
        else:
            self.transport.abort()

    def _expect_head(self) -> None:
        self.in_head, self.complete = True, False
        self.since = self.loop.time()
        self.deadline = self.since + HEAD_SECONDS


def sweep(loop: asyncio.AbstractEventLoop, connections: set[Any]) -> None:
    """End the connections that are past their deadlines; look again while there are any."""
    now = loop.time()
    for connection in list(_ours(connections)):
        if connection.deadline < now:
            connection.expire()
    if connections:
        loop.call_later(SWEEP_SECONDS, sweep, loop, connections)


def _ours(connections: set[Any]) -> Iterable[PatientProtocol]:
    return (connection for connection in connections if isinstance(connection, PatientProtocol))


def install(*, reserve: int = 100) -> None:
    """Make uvicorn use this protocol in this process, and allow as many files as it may need.

    BentoML starts uvicorn without naming a protocol; uvicorn then takes the one set here.
    """
    uvicorn.protocols.http.auto.AutoHTTPProtocol = PatientProtocol
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + reserve
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft != resource.RLIM_INFINITY:
        PatientProtocol.max_connections = max(10, min(MAX_CONNECTIONS, soft - reserve))
