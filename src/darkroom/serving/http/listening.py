"""Accepting new connections so that all workers have about the same number.

All workers listen on one socket. An event loop accepts as many connections as are waiting, so of eight that
arrive at once one worker may get all, and the other cores idle for as long as those connections stay open.
docs/serving.md has the measured effect.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Sized
from typing import Any

import uvicorn.loops.auto
import uvloop

WAIT = 0.001  # seconds for each own connection, in which other workers may accept a new one
MAX_WAIT = 0.005
ERROR_SECONDS = 1.0  # until the next attempt after the system refused a connection

log = logging.getLogger("darkroom")


class Listener:
    """Accepts connections of a socket that other processes share; the one with the fewest comes first.

    A process waits a millisecond for each connection that it has before it accepts a new one, so that a
    process with fewer accepts it in that time. The processes need no other communication. A connection that
    arrives during that wait does not restart it. The class has the methods that uvicorn calls on asyncio's
    servers.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listening: socket.socket,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        *,
        backlog: int,
    ) -> None:
        """Start to accept connections of `listening`; its owner closes it.

        At most `backlog` connections wait in the system until they are accepted.
        """
        self._loop, self._socket, self._factory = loop, listening, protocol_factory
        self._connections: Sized = ()  # the open ones, as uvicorn keeps them
        self._starting: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        listening.setblocking(False)
        listening.listen(backlog)
        self._closed = False
        self._listen()

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """The socket, until closed."""
        return () if self._closed else (self._socket,)

    def close(self) -> None:
        """Stop accepting. Accepted connections go on; waiting ones are left to the other processes."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._socket)
            if self._timer is not None:
                self._timer.cancel()

    async def wait_closed(self) -> None:
        """Wait until the connections accepted last have their protocol."""
        await asyncio.gather(*self._starting)

    def _listen(self) -> None:
        """Wait for a new connection."""
        self._timer = None
        if not self._closed:
            self._loop.add_reader(self._socket, self._defer)

    def _defer(self) -> None:
        """Leave a new connection to the other processes for a while, then accept it."""
        self._loop.remove_reader(self._socket)
        wait = min(len(self._connections) * WAIT, MAX_WAIT)
        self._timer = self._loop.call_later(wait, self._accept)

    def _accept(self) -> None:
        """Accept what is left; listen again once it counts among the connections."""
        # several at once where there are many, or a busy worker would accept them too slowly
        for _ in range(1 + len(self._connections) // 8):
            try:
                accepted, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                break  # another process was first, or the client disconnected
            except OSError as error:  # no file descriptors, no memory, no network
                log.warning("No connection could be accepted (%s): trying again.", error.strerror)
                self._timer = self._loop.call_later(ERROR_SECONDS, self._listen)
                return
            accepted.setblocking(False)
            task = self._loop.create_task(self._start(accepted))
            self._starting.add(task)
            task.add_done_callback(self._started)
        self._timer = None
        if not self._starting:
            self._listen()

    def _started(self, task: asyncio.Task[None]) -> None:
        self._starting.discard(task)
        if not self._starting and self._timer is None:
            self._listen()

    async def _start(self, accepted: socket.socket) -> None:
        try:
            _, protocol = await self._loop.connect_accepted_socket(self._factory, accepted)
        except OSError:  # the client disconnected before that
            accepted.close()
            return
        self._connections = protocol.connections  # type: ignore[attr-defined]  # uvicorn's set of all
        if self._closed:  # accepted just before the stop, which reached only the connections there were
            protocol.shutdown()  # type: ignore[attr-defined]


class Loop(uvloop.Loop):
    """uvloop's event loop, with a Listener where there is a socket to listen on and no TLS."""

    async def create_server(self, protocol_factory: Any, *arguments: Any, **options: Any) -> Any:
        """Return a `Listener` for an open socket without TLS, otherwise uvloop's server."""
        listening = options.get("sock")
        if listening is None or options.get("ssl"):
            return await super().create_server(protocol_factory, *arguments, **options)
        return Listener(self, listening, protocol_factory, backlog=options.get("backlog", 100))


def install() -> None:
    """Make uvicorn use this loop in this process.

    BentoML starts uvicorn without naming a loop; uvicorn then uses the one set here.
    """
    uvicorn.loops.auto.auto_loop_factory = lambda use_subprocess=False: Loop
