"""`bentoml serve` on the supervisor's listening socket.

Run as `python -m darkroom.serving.process.inherited_socket FD TAG HOST PORT`.
Processes that listen on one and the same socket share its queue of new connections. So when one of them
ends, nobody who is in the queue is lost: the others take them. (Two sockets on one port, by SO_REUSEPORT,
have a queue each, and what is in the queue of the one that closes is reset.)
"""

import ctypes
import os
import signal
import sys

import circus.sockets
from bentoml_cli.cli import cli

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Become the server."""
    fd, tag, host, port = sys.argv[1:]
    _end_with_parent()

    def adopt(bento_socket: circus.sockets.CircusSocket) -> None:
        os.dup2(int(fd), bento_socket.fileno())

    # BentoML makes a socket of its own, and binds it; from here on that is the one we were given
    circus.sockets.CircusSocket.bind_and_listen = adopt
    cli(["serve", tag, "--host", host, "--port", port])


def _end_with_parent() -> None:
    """Ask the kernel for a SIGTERM when the supervisor is gone, however it went."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    main()
