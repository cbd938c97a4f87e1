"""Workers are replaced if they are killed, and stopped when one fails; errors are raised."""

import signal
from pathlib import Path

import pytest

from darkroom.tuning import supervision
from darkroom.tuning.supervision import WorkerError, supervise
from darkroom.tuning.worker_processes import Process
from tests.helpers.tuning import start_script


@pytest.fixture(autouse=True)
def poll_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "POLL_SECONDS", 0.02)


def test_each_worker_runs_until_it_is_done_and_a_killed_one_is_replaced(tmp_path: Path) -> None:
    script = """
import os, signal, sys
with open("began", "a") as file:
    file.write(sys.argv[1] + os.environ["GIVEN"] + " ")
if sys.argv[1] == "1" and not os.path.exists("killed"):
    open("killed", "w")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    supervise(lambda number: start_script(tmp_path, script, str(number)), 2, progress=lambda: 0)
    assert sorted((tmp_path / "began").read_text().split()) == ["0yes", "1yes", "1yes"]


def test_the_error_of_a_worker_stops_the_others_and_is_raised(tmp_path: Path) -> None:
    started: list[Process] = []

    def begin(number: int) -> Process:
        script = "import sys; sys.exit('a mistake')" if number else "import time; time.sleep(600)"
        started.append(start_script(tmp_path / str(number), script))
        return started[-1]

    for number in range(2):
        (tmp_path / str(number)).mkdir()
    with pytest.raises(WorkerError, match=r"ended with 1:\na mistake"):
        supervise(begin, 2, progress=lambda: 0)
    assert started[0].ended() == f"signal {signal.SIGTERM:d}"


def test_workers_that_are_killed_again_and_again_are_given_up(tmp_path: Path) -> None:
    script = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    with pytest.raises(WorkerError, match=r"10 workers were killed .* signal 9, and nothing was done"):
        supervise(lambda number: start_script(tmp_path, script), 1, progress=lambda: 0)
