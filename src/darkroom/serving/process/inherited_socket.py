"""`bentoml serve` on a listening socket that the supervisor opened.

Run as `python -m darkroom.serving.process.inherited_socket FD TAG HOST PORT`.
Processes that listen on the same socket share its queue of new connections. When one of them ends, the others
accept what is in the queue. (With SO_REUSEPORT two sockets on one port have a queue each, and the connections
in the queue of the socket that closes are reset.)
"""

import ctypes
import os
import signal
import sys

import circus.sockets
from bentoml_cli.cli import cli

PR_SET_PDEATHSIG = 1  # of Linux's prctl


def main() -> None:
    """Become the server."""
    fd, tag, host, port = sys.argv[1:]
    _stop_with_parent()

    def use_inherited(bento_socket: circus.sockets.CircusSocket) -> None:
        os.dup2(int(fd), bento_socket.fileno())

    # BentoML creates a circus socket and binds it; `bentoml serve` has no option for an open one
    circus.sockets.CircusSocket.bind_and_listen = use_inherited
    cli(["serve", tag, "--host", host, "--port", port])


def _stop_with_parent() -> None:
    """Have the kernel send SIGTERM when the supervisor ends, even if it is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    main()
