"""The interface to a running supervisor: a state file and a Unix socket on which it takes requests.

The supervisor of the service on a port writes `<BentoML's home>/serving/<port>.json`. A client connects to
the socket named there and sends `{"tag": TAG}`. The supervisor closes the connection after its response, a
JSON object with `tag`, `before` and `seconds`, or with `error`.
"""

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...files import read_json, write_json

READY_SECONDS = 120  # that a Bento's workers may take until all are ready
REQUEST_SECONDS = 5  # that a client may take to send its request
MAX_MESSAGE_BYTES = 4096


class SupervisorError(RuntimeError):
    """The supervisor cannot do what was requested; the message says why and what to do."""


def state_path(home: Path, port: int) -> Path:
    """Return where the supervisor of the service on `port` writes its state."""
    return home / "serving" / f"{port}.json"


def write_state(home: Path, port: int, *, control: Path, tag: str, before: str | None) -> None:
    """Write that this process serves the Bento `tag`, and `before` until now."""
    state = {"pid": os.getpid(), "control": str(control), "tag": tag, "before": before}
    write_json(state_path(home, port), state)


def read_state(home: Path, port: int) -> dict[str, Any]:
    """Return what the service on `port` serves.

    Returns:
        `tag` of the Bento, `before` it (None for the first), `pid` of the supervisor and `control`, the path
        of its socket.

    Raises:
        SupervisorError: no supervisor runs for that port.
    """
    path = state_path(home, port)
    try:
        state: dict[str, Any] = read_json(path)
        os.kill(state["pid"], 0)
    except (OSError, ValueError) as error:
        raise SupervisorError(
            f"no service that can change its Bento runs on port {port} ({path}): start it with `make serve`"
        ) from error
    return state


def change_bento(home: Path, port: int, tag: str) -> dict[str, Any]:
    """Make the service on `port` change to the Bento `tag`; return when that serves.

    Returns:
        `tag`, `before` (the tag that was served, whose server now stops) and `seconds` until it was ready.

    Raises:
        SupervisorError: no service runs, or the new Bento does not start; the service then continues with
            the old one.
    """
    state = read_state(home, port)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(READY_SECONDS + 30)
        try:
            connection.connect(state["control"])
            connection.sendall(json.dumps({"tag": tag}).encode())
            response = json.loads(connection.recv(MAX_MESSAGE_BYTES))
        except (OSError, ValueError) as error:
            raise SupervisorError(f"the service on port {port} does not respond ({error})") from error
    if "error" in response:
        raise SupervisorError(response["error"])
    return dict(response)


@dataclass(frozen=True)
class ChangeRequest:
    """A client's request to change to the Bento `tag`; the client waits for `respond`."""

    tag: str
    connection: socket.socket

    def respond(self, response: Mapping[str, Any]) -> None:
        """Send the response and close the connection."""
        try:
            self.connection.sendall(json.dumps(response).encode())
        except OSError:  # the client did not wait
            pass
        finally:
            self.connection.close()


class ControlSocket:
    """The supervisor's end: a Unix socket that takes requests."""

    def __init__(self, path: Path) -> None:
        """Listen at `path`, in a folder that only the user who runs the service may enter."""
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when a client connects."""
        return self._socket.fileno()

    def accept(self) -> ChangeRequest | None:
        """Return the request of the client that connected; None if it sent none."""
        connection, _ = self._socket.accept()
        connection.settimeout(REQUEST_SECONDS)
        try:
            return ChangeRequest(json.loads(connection.recv(MAX_MESSAGE_BYTES))["tag"], connection)
        except (OSError, ValueError, KeyError, TypeError):
            connection.close()
            return None

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
