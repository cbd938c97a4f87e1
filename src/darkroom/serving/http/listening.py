"""Taking new connections so that every worker gets as many as the others.

All workers listen on one socket. An event loop takes as many connections as are waiting, so of eight that
come at once one worker may get all, and the other cores idle for as long as those connections stay open.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Sized
from typing import Any

import uvicorn.loops.auto
import uvloop

WAIT = 0.001  # seconds for each connection that we have, in which others may take a new one
MAX_WAIT = 0.005
ERROR_SECONDS = 1.0  # until we try again where the system would not give us a connection

log = logging.getLogger("darkroom")


class Listener:
    """Takes the connections of a socket that other processes listen on too; those with fewest come first.

    A process leaves a new connection alone for a millisecond for each that it has, so that one with fewer
    takes it in that time. None needs to know of the others. It has what uvicorn asks of asyncio's servers.
    One that comes while it leaves another alone does not begin its wait anew: shares come out nearly even.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listening: socket.socket,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        *,
        backlog: int,
    ) -> None:
        """Begin to take connections of `listening`, which whoever opened it closes.

        At most `backlog` wait in the system until they are taken.
        """
        self._loop, self._socket, self._factory = loop, listening, protocol_factory
        self._connections: Sized = ()  # that are open, as uvicorn keeps them
        self._beginning: set[asyncio.Task[None]] = set()
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
        """Take no more. Connections that were taken go on, and those that wait are for the others."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._socket)
            if self._timer is not None:
                self._timer.cancel()

    async def wait_closed(self) -> None:
        """Wait until the connections that were taken last have their protocol."""
        await asyncio.gather(*self._beginning)

    def _listen(self) -> None:
        """Wait for somebody to connect."""
        self._timer = None
        if not self._closed:
            self._loop.add_reader(self._socket, self._leave)

    def _leave(self) -> None:
        """Somebody connects: leave it to the others for a while, then take it."""
        self._loop.remove_reader(self._socket)
        wait = min(len(self._connections) * WAIT, MAX_WAIT)
        self._timer = self._loop.call_later(wait, self._take)

    def _take(self) -> None:
        """Take what is left, and listen again once that is among the connections, so that it is counted."""
        # more at once where there are many, or a busy worker would take them too slowly
        for _ in range(1 + len(self._connections) // 8):
            try:
                taken, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                break  # somebody else was first, or it went away
            except OSError as error:  # no file descriptors, no memory, no network
                log.warning("No connection could be taken (%s): trying again.", error.strerror)
                self._timer = self._loop.call_later(ERROR_SECONDS, self._listen)
                return
            taken.setblocking(False)
            task = self._loop.create_task(self._begin(taken))
            self._beginning.add(task)
            task.add_done_callback(self._begun)
        self._timer = None
        if not self._beginning:
            self._listen()

    def _begun(self, task: asyncio.Task[None]) -> None:
        self._beginning.discard(task)
        if not self._beginning and self._timer is None:
            self._listen()

    async def _begin(self, taken: socket.socket) -> None:
        try:
            _, protocol = await self._loop.connect_accepted_socket(self._factory, taken)
        except OSError:  # the client was gone before we began
            taken.close()
            return
        self._connections = protocol.connections  # type: ignore[attr-defined]  # uvicorn's, all of them


class Loop(uvloop.Loop):
    """uvloop's event loop, with a Listener where there is a socket to listen on and no TLS."""

    async def create_server(self, protocol_factory: Any, *arguments: Any, **options: Any) -> Any:
        """Return a server that takes connections; as uvloop's otherwise."""
        listening = options.get("sock")
        if listening is None or options.get("ssl"):
            return await super().create_server(protocol_factory, *arguments, **options)
        return Listener(self, listening, protocol_factory, backlog=options.get("backlog", 100))


def install() -> None:
    """Make uvicorn use this loop in this process.

    BentoML starts uvicorn without naming one; uvicorn then takes the one set here.
    """
    uvicorn.loops.auto.auto_loop_factory = lambda use_subprocess=False: Loop
