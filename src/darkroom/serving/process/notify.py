"""Saying whether a worker is ready, as systemd defined it (sd_notify): a datagram to NOTIFY_SOCKET.

Whoever starts the service listens there: systemd (`Type=notify`), or our own supervisor.
"""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress


@contextmanager
def readiness(environment: Mapping[str, str]) -> Iterator[None]:
    """Say that this process is ready when the block has ended, or what kept it from that."""
    try:
        yield
    except Exception as error:
        _say(environment, "ERRNO=1", f"STATUS={type(error).__name__}: {error}".replace("\n", " "))
        raise
    _say(environment, "READY=1", f"X_WORKER={os.getpid()}")


def _say(environment: Mapping[str, str], *lines: str) -> None:
    address = environment.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # Linux's abstract names
        address = "\0" + address[1:]
    # a worker that starts later finds nobody who still listens
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asked:
        asked.sendto("\n".join(lines).encode()[:4000], address)
