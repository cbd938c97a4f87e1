"""Stages of the pipeline as real processes, to which tests send signals."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from mlflow.tracking import MlflowClient

from tests.helpers.checkouts import Checkout
from tests.helpers.waiting import eventually

# Runs a stage's script as `python -m` does, and sends it a signal when it first opens an output to write.
AT_FIRST_OUTPUT = """
import os, runpy, sys
stage, number = sys.argv[1:]
sys.path.insert(0, os.getcwd())
sent = False

def hook(event, arguments):
    global sent
    if event != "open" or sent or not isinstance(arguments[0], str):
        return
    path, _, flags = arguments
    inside = os.path.relpath(path).split(os.sep)[0] in ("data", "models", "reports")
    if inside and flags & (os.O_WRONLY | os.O_RDWR):
        sent = True
        os.kill(os.getpid(), int(number))

sys.addaudithook(hook)
sys.argv = [f"pipeline/{stage}.py"]
runpy.run_module(f"pipeline.{stage}", run_name="__main__")
"""


def stop_at_first_output(checkout: Checkout, stage: str, number: signal.Signals) -> "Ended":
    """Run a stage that gets a signal when it writes its first output; return how it ended."""
    command = [sys.executable, "-c", AT_FIRST_OUTPUT, stage, str(int(number))]
    done = checkout.run(*command, check=False)
    return Ended(done.returncode, done.stdout + done.stderr)


class Ended:
    """How a process ended.

    Attributes:
        code: its exit status, negative for a signal.
        printed: what it wrote to both outputs.
    """

    def __init__(self, code: int, printed: str) -> None:
        self.code, self.printed = code, printed


@contextmanager
def started(checkout: Checkout, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command in a group of its own, with its output in the file `output.txt` beside the checkout.

    What still runs of it at the end of the block is killed.
    """
    with open(output_file(checkout), "wb") as output:
        process = subprocess.Popen(
            command,
            cwd=checkout.root,
            env=checkout.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    family = psutil.Process(process.pid)
    try:
        yield process
    finally:
        for member in [*(family.children(recursive=True) if family.is_running() else []), process]:
            member.kill()
        process.wait()


def output_file(checkout: Checkout) -> Path:
    """Return the file with the output of what `started` starts."""
    return checkout.root.parent / f"{checkout.root.name}-output.txt"


def printed_by(checkout: Checkout) -> str:
    """Return what the command that `started` started has written so far."""
    return output_file(checkout).read_text(errors="replace")


def stop_when(
    checkout: Checkout,
    command: Sequence[str],
    ready: Callable[[], object],
    send: Callable[[subprocess.Popen[bytes]], None],
) -> Ended:
    """Start a command, send it a signal when `ready()` holds; return how it ended, and all its children."""
    with started(checkout, *command) as process:
        eventually(ready, lambda: printed_by(checkout), seconds=240, process=process)
        children = psutil.Process(process.pid).children(recursive=True)
        send(process)
        code = process.wait(120)
        _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive, f"{alive} still run: {printed_by(checkout)}"
    return Ended(code, printed_by(checkout))


def to_process(number: signal.Signals) -> Callable[[subprocess.Popen[bytes]], None]:
    """Send a signal to the process alone, as `kill` and schedulers do."""
    return lambda process: process.send_signal(number)


def to_group(number: signal.Signals) -> Callable[[subprocess.Popen[bytes]], None]:
    """Send a signal to the process's whole group, as a terminal does at Ctrl-C."""
    return lambda process: os.killpg(process.pid, number)


def run_states(checkout: Checkout) -> list[str]:
    """Return the states of all runs in the checkout's MLflow, the newest first."""
    client = MlflowClient(f"sqlite:///{checkout.root / 'mlflow.db'}")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return [run.info.status for run in client.search_runs(experiments)]
