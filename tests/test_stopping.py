"""Signals stop a process in order, a second one ends it at once: real signals to real processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from darkroom import stopping
from tests.helpers.checkouts import PROJECT
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.integration
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(PROJECT / "src")}

# Writes a file aside, tells that it is there, and waits within the block where `{waits}` is.
SCRIPT = """
import sys, time
from pathlib import Path
from darkroom import stopping
from darkroom.files import atomic_write
stopping.SAME_SECONDS = {same}
def work():
    with atomic_write(Path("output")) as file:
        file.write(b"half")
        Path("ready").touch()
        {work}
try:
    with stopping.handled():
        work()
    print("finished")
except stopping.Stopped as stopped:
    print(stopped)
    stopping.end_by(stopped.signal)
"""
WAIT = "time.sleep(600)"
STEPS = """
        with stopping.deferred():
            for step in range(10**6):
                time.sleep(0.01)
                stopping.stop_if_requested(f"after step {min(step, 0)}")
"""
STUCK = """
        with stopping.deferred():
            while True:
                time.sleep(0.01)
                if stopping.requested():
                    Path("asked").touch()
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator["Start"]:
    """Start scripts in `tmp_path`, which end with the test."""
    starter = Start(tmp_path)
    yield starter
    for process in starter.processes:
        process.kill()
        process.communicate()


class Start:
    """Starts scripts in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[str]] = []

    def __call__(self, script: str, *before: str) -> subprocess.Popen[str]:
        """Start a script, and return when it is ready."""
        process = subprocess.Popen(
            [*before, sys.executable, "-c", script],
            cwd=self.folder,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        eventually((self.folder / "ready").exists, "the script runs", process=process)
        return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize(("work", "done"), [(WAIT, ""), (STEPS, " after step 0")], ids=["waits", "in steps"])
def test_a_signal_stops_a_process_which_leaves_nothing_half_written(
    start: Start, number: signal.Signals, work: str, done: str
) -> None:
    process = start(SCRIPT.format(same=60, work=work))
    process.send_signal(number)
    printed, errors = process.communicate(timeout=60)
    assert process.returncode == -number, "the parent sees which signal it was"
    assert printed == f"stopped by {number.name}{done}\n"
    assert "Traceback" not in errors
    assert [path.name for path in start.folder.iterdir()] == ["ready"]


def test_the_same_signal_from_two_senders_is_one(start: Start) -> None:
    # the step lasts until both have come
    step = STEPS.replace("time.sleep(0.01)", "while not Path('both').exists(): time.sleep(0.01)")
    process = start(SCRIPT.format(same=600, work=step.replace("range(10**6)", "range(1)")))
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    (start.folder / "both").touch()
    assert "stopped by SIG" in process.communicate(timeout=60)[0], "it was not ended at once"


def test_a_second_signal_ends_at_once(start: Start) -> None:
    process = start(SCRIPT.format(same=0, work=STUCK))
    process.send_signal(signal.SIGTERM)
    eventually((start.folder / "asked").exists, "the first one is noted", process=process)
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert printed == ""
    assert "again to end at once" in errors


def test_a_child_leaves_the_second_signal_to_its_parent(start: Start) -> None:
    work = STUCK.replace("with", "stopping.leave_end_to_parent()\n        with")
    process = start(SCRIPT.format(same=0, work=work))
    for _ in range(3):
        process.send_signal(signal.SIGTERM)
        eventually((start.folder / "asked").exists, "it goes on", process=process)
        (start.folder / "asked").unlink()


def test_what_nohup_ignores_stays_ignored(start: Start) -> None:
    process = start(SCRIPT.format(same=60, work=STEPS), "nohup")
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    assert "stopped by SIGTERM" in process.communicate(timeout=60)[0]


PARENT = """
import os, sys
from pathlib import Path
from darkroom import stopping
stopping.SAME_SECONDS = 0
child = {child!r}
try:
    with stopping.handled():
        print(stopping.run_command([sys.executable, "-c", child], folder=Path("."), environment=os.environ))
except stopping.Stopped as stopped:
    print(stopped)
    stopping.end_by(stopped.signal)
"""


def test_a_command_is_stopped_in_order_and_waited_for(start: Start) -> None:
    process = start(PARENT.format(child=SCRIPT.format(same=60, work=STEPS)))
    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate(timeout=60)
    assert printed.splitlines() == ["stopped by SIGINT after step 0", "stopped by SIGTERM"]
    assert process.returncode == -signal.SIGTERM


def test_a_second_signal_ends_the_command_too(start: Start) -> None:
    child = SCRIPT.format(same=600, work=f"import os; Path('pid').write_text(str(os.getpid()))\n{STUCK}")
    process = start(PARENT.format(child=child))
    process.send_signal(signal.SIGTERM)
    eventually((start.folder / "asked").exists, "it was passed on", process=process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == -signal.SIGTERM
    pid = int((start.folder / "pid").read_text())
    eventually(lambda: not is_running(pid), "the command has ended")


def is_running(pid: int) -> bool:
    """Return whether a process runs; one that ended and that nobody waits for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_exit_status_of_a_command_is_returned(tmp_path: Path) -> None:
    with stopping.handled():
        script = "import sys; sys.exit(7)"
        assert stopping.run_command([sys.executable, "-c", script], folder=tmp_path, environment={}) == 7


def test_a_process_stops_when_its_parent_is_gone(start: Start) -> None:
    child = SCRIPT.format(same=60, work=STEPS).replace("try:", "stopping.stop_with_parent()\ntry:")
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    process = start(script)
    process.kill()
    printed, _ = process.communicate(timeout=60)  # whose end of the pipe the child holds too
    assert printed == "stopped by SIGTERM after step 0\n"


def test_a_signal_that_ends_the_parent_too_is_one(start: Start) -> None:
    # the step lasts until the parent's end was seen, and whatever comes of that has come
    until_seen = "[thread.join() for thread in threading.enumerate() if thread.daemon]"
    step = STEPS.replace("time.sleep(0.01)", until_seen)
    child = "import threading" + SCRIPT.format(same=0, work=step)
    child = child.replace("try:", "stopping.stop_with_parent()\ntry:")
    process = start(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])", "setsid")
    os.killpg(process.pid, signal.SIGTERM)
    assert process.communicate(timeout=60)[0] == "stopped by SIGTERM after step 0\n"


def test_handlers_are_as_before_when_the_block_has_ended() -> None:
    before = [signal.getsignal(number) for number in stopping.SIGNALS]
    with stopping.handled():
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(number) for number in stopping.SIGNALS] == before
    stopping.handle_again()
    assert [signal.getsignal(number) for number in stopping.SIGNALS] == before
