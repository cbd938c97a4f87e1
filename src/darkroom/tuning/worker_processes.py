"""Workers as processes of this machine, which end when the process that started them does."""

import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from darkroom import stopping
from darkroom.tuning.supervision import WorkerError

STOP_SECONDS = 20.0  # until a worker that is waited for is killed; schedulers give 30 in all
SHOWN_OUTPUT = 4000  # characters of a failed worker's last output


class Process:
    """A worker that is a process of this machine, with its output in the file `log`."""

    def __init__(
        self, command: Sequence[str], *, folder: Path, log: Path, environment: Mapping[str, str]
    ) -> None:
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=os.environ | dict(environment),
                stdin=subprocess.PIPE,  # see end_with_parent
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C goes to the parent, which stops its workers in order
            )

    def ended(self) -> str | None:
        """Return None while it runs, "" when it is done, else the signal that killed it.

        Raises WorkerError, with its last output, if it ended with another exit code than 0.
        """
        code = self._process.poll()
        if code is None or code == 0:
            return code if code is None else ""
        if code < 0:
            return f"signal {-code}"
        output = self._log.read_text(errors="replace").strip()[-SHOWN_OUTPUT:]
        raise WorkerError(f"a worker ended with {code}:\n{output}")

    def request_stop(self) -> None:
        """Send it SIGTERM, upon which it finishes its step and saves."""
        self._process.terminate()

    def stop(self) -> None:
        """Wait until it has ended; kill it if it still runs after `STOP_SECONDS`."""
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def end_with_parent() -> None:
    """End this process when the one that started it as `Process` has ended, even if that was killed.

    Of signals it heeds the first: the parent sends one too, and kills it where that does not suffice.
    """
    stopping.leave_end_to_parent()

    def wait() -> None:
        # until the parent's end of the pipe is closed; sys.stdin has a lock that Python needs to exit
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def graphics_card(number: int, cards: int) -> dict[str, str]:
    """Return the environment that gives worker `number` one of several graphics cards of its own.

    It is empty if there are fewer than two `cards`.
    """
    if cards < 2:
        return {}
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    names = visible if len(visible) == cards else [str(card) for card in range(cards)]
    return {"CUDA_VISIBLE_DEVICES": names[number % cards]}
