"""Readiness notification in systemd's protocol (sd_notify): a datagram to the socket NOTIFY_SOCKET.

The process that starts the service listens there: systemd (`Type=notify`) or Darkroom's supervisor.
"""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress


@contextmanager
def notify_readiness(environment: Mapping[str, str]) -> Iterator[None]:
    """Report that this worker is ready when the block ends, or the exception that the block raised."""
    try:
        yield
    except Exception as error:
        _send(environment, "ERRNO=1", f"STATUS={type(error).__name__}: {error}".replace("\n", " "))
        raise
    _send(environment, "READY=1", f"X_WORKER={os.getpid()}")


def _send(environment: Mapping[str, str], *lines: str) -> None:
    address = environment.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # Linux's abstract names
        address = "\0" + address[1:]
    # when a worker is restarted later, nothing listens any more
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.sendto("\n".join(lines).encode()[:4000], address)
