"""HTTP connections with limits: a slow or hostile client cannot hold them open or send without end."""

import asyncio
import http
from collections.abc import Iterable
from typing import Any

import uvicorn.protocols.http.auto
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10  # for the first line and the headers of a request
BODY_SECONDS = 75  # for the rest of it; the app itself responds with 408 after 60
RESPONSE_SECONDS = 90  # for computing the response and for the client to receive it
STOP_SECONDS = 15  # for the rest of an upload when the service stops
STOP_IDLE_SECONDS = 2  # for a request that may be on its way then on an open connection
HEAD_BYTES = 65_536
CHUNK_BYTES = 262_144  # of chunk framing and trailers, beyond a quarter of the body's own bytes
MAX_CONNECTIONS = 1_000  # of one worker
SWEEP_SECONDS = 1.0


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with deadlines and with limits on headers and on the number of connections.

    uvicorn itself waits forever for the end of a request that has begun, keeps headers of any length in
    memory, and accepts connections until no file descriptor is left. Its option `limit_concurrency` refuses
    new requests instead of closing idle connections, and it has no option for the rest.
    """

    max_connections = MAX_CONNECTIONS

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Take the arguments of uvicorn's protocol."""
        super().__init__(*arguments, **options)
        self.deadline = float("inf")
        self.since = 0.0  # when it began to wait for a request; 0 while it has one
        self.in_head = True
        self.complete = False  # the request has arrived whole
        self.leaving = False  # the service is stopping
        self.raw_bytes = self.body_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request; at too many connections close the one that has waited longest."""
        super().connection_made(transport)
        self._expect_head()
        if len(self.connections) == 1:
            self.loop.call_later(SWEEP_SECONDS, sweep, self.loop, self.connections)
        if len(self.connections) > self.max_connections:
            waiting = [other for other in _bounded(self.connections) if other.since and other is not self]
            if waiting:
                min(waiting, key=lambda other: other.since).transport.abort()
            else:
                self.refuse(503, "There are too many connections. Try again.", {"retry-after": "1"})

    def data_received(self, data: bytes) -> None:
        """Count the received bytes and parse them."""
        self.raw_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self.in_head:
            if self.raw_bytes > HEAD_BYTES:
                self.refuse(431, f"The headers are longer than {HEAD_BYTES:,} bytes.")
        elif self.raw_bytes - self.body_bytes > HEAD_BYTES + CHUNK_BYTES + self.body_bytes // 4:
            self.refuse(400, "The request has more chunk framing than content.")

    def on_message_begin(self) -> None:
        """Set the deadline for the headers."""
        super().on_message_begin()
        self._expect_head()

    def on_headers_complete(self) -> None:
        """Set the deadline for the body."""
        self.in_head = False
        self.deadline = self.loop.time() + BODY_SECONDS
        super().on_headers_complete()
        if self.leaving and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Count the bytes of the body itself."""
        self.body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Set the deadline for the response."""
        super().on_message_complete()
        self.complete, self.since = True, 0.0
        self.raw_bytes = self.body_bytes = 0  # of the next request
        self.deadline = self.loop.time() + RESPONSE_SECONDS

    def on_response_complete(self) -> None:
        """Wait for the next request; uvicorn's keep-alive timer ends that."""
        super().on_response_complete()
        if self.complete and not self.pipeline and not self.transport.get_write_buffer_size():
            self.deadline, self.since = float("inf"), self.loop.time()
            if self.leaving:  # the stop came after this response's headers, which could not announce it
                self.deadline = self.since + STOP_IDLE_SECONDS

    def shutdown(self) -> None:
        """Respond to the requests that arrived or arrive soon, each time with `Connection: close`.

        uvicorn closes idle connections at once. A request that is on its way then gets no response, and its
        client cannot know whether it was carried out. An unfinished upload has `STOP_SECONDS` left.
        """
        self.leaving = True
        now = self.loop.time()
        if self.cycle is not None and not self.cycle.response_complete:
            # once its headers are sent, the client assumes that the connection stays open
            self.cycle.keep_alive = self.cycle.keep_alive and self.cycle.response_started
        elif not self.raw_bytes:
            self.deadline = min(self.deadline, now + STOP_IDLE_SECONDS)
        if not self.complete and self.raw_bytes:
            self.deadline = min(self.deadline, now + STOP_SECONDS)

    def refuse(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        """Respond with an error without calling the app, and close the connection."""
        lines = [f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}", "connection: close"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        body = message.encode()
        lines += ["content-type: text/plain; charset=utf-8", f"content-length: {len(body)}", "", ""]
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write("\r\n".join(lines).encode() + body)
            self.transport.close()  # after the client has received it
            self.deadline = self.loop.time() + HEAD_SECONDS
            if self.cycle is not None:
                self.cycle.disconnected = True
                self.cycle.message_event.set()
        else:
            self.transport.abort()

    def expire(self) -> None:
        """Close a connection that is past its deadline."""
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
    """Close the connections that are past their deadlines; repeat while there are any connections."""
    now = loop.time()
    for connection in list(_bounded(connections)):
        if connection.deadline < now:
            connection.expire()
    if connections:
        loop.call_later(SWEEP_SECONDS, sweep, loop, connections)


def _bounded(connections: set[Any]) -> Iterable[BoundedProtocol]:
    return (connection for connection in connections if isinstance(connection, BoundedProtocol))


def install(*, reserve: int = 100) -> None:
    """Make uvicorn use this protocol in this process, and raise the limit on open files to what it needs.

    BentoML starts uvicorn without naming a protocol; uvicorn then uses the one set here. `reserve` is the
    number of files besides the connections.
    """
    uvicorn.protocols.http.auto.AutoHTTPProtocol = BoundedProtocol
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
        BoundedProtocol.max_connections = max(10, min(MAX_CONNECTIONS, soft - reserve))
