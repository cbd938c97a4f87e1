"""Workers are replaced where they were killed, stopped where the watch ends; errors surface."""

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from darkroom.tuning import worker_processes
from darkroom.tuning.worker_processes import Process, WorkerError, graphics_card, watch


def start(tmp_path: Path, script: str, *arguments: str) -> Process:
    """Start a worker that runs a script."""
    return Process(
        [sys.executable, "-S", "-c", script, *arguments],
        folder=tmp_path,
        log=tmp_path / "log",
        environment={"GIVEN": "yes"},
    )


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_processes, "LOOK", 0.02)


def test_each_runs_until_it_is_done_and_one_that_was_killed_is_replaced(tmp_path: Path) -> None:
    script = """
import os, signal, sys
with open("began", "a") as file:
    file.write(sys.argv[1] + os.environ["GIVEN"] + " ")
if sys.argv[1] == "1" and not os.path.exists("killed"):
    open("killed", "w")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    watch(lambda number: start(tmp_path, script, str(number)), 2, progress=lambda: 0)
    assert sorted((tmp_path / "began").read_text().split()) == ["0yes", "1yes", "1yes"]


def test_an_error_stops_the_others_and_is_told(tmp_path: Path) -> None:
    started: list[Process] = []

    def begin(number: int) -> Process:
        script = "import sys; sys.exit('a mistake')" if number else "import time; time.sleep(600)"
        started.append(start(tmp_path / str(number), script))
        return started[-1]

    for number in range(2):
        (tmp_path / str(number)).mkdir()
    with pytest.raises(WorkerError, match=r"ended with 1:\na mistake"):
        watch(begin, 2, progress=lambda: 0)
    assert started[0].ended() == f"signal {signal.SIGTERM:d}"


def test_workers_that_are_killed_time_after_time_are_given_up(tmp_path: Path) -> None:
    script = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    with pytest.raises(WorkerError, match=r"10 workers were killed .* signal 9, and nothing was done"):
        watch(lambda number: start(tmp_path, script), 1, progress=lambda: 0)


def test_a_worker_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    child = "import time; from darkroom.tuning.worker_processes import end_with_parent; end_with_parent(); "
    child += "open('lives', 'w').close(); time.sleep(600)"
    parent = f"""
import os, signal, sys
from pathlib import Path
from darkroom.tuning.worker_processes import Process
from tests.helpers.waiting import eventually
worker = Process([sys.executable, "-c", {child!r}], folder=Path("."), log=Path("log"), environment={{}})
Path("worker").write_text(str(worker._process.pid))
eventually(Path("lives").exists, "the worker lives")
os.kill(os.getpid(), signal.SIGKILL)
"""
    source = Path(worker_processes.__file__).parents[2]
    path = os.pathsep.join([str(source), str(Path(__file__).parents[2])])
    done = psutil.Popen([sys.executable, "-c", parent], cwd=tmp_path, env=os.environ | {"PYTHONPATH": path})
    assert done.wait() == -signal.SIGKILL
    number = int((tmp_path / "worker").read_text())
    if psutil.pid_exists(number):
        psutil.wait_procs([psutil.Process(number)], timeout=30)
    assert not psutil.pid_exists(number)


def test_a_worker_that_looks_after_its_parent_can_end_first(tmp_path: Path) -> None:
    source = Path(worker_processes.__file__).parents[2]
    script = (
        f"import sys; sys.path.insert(0, {str(source)!r}); "
        "from darkroom.tuning.worker_processes import end_with_parent; "
    )
    watch(lambda number: start(tmp_path, script + "end_with_parent()"), 1, progress=lambda: 0)
    assert (tmp_path / "log").read_text() == ""


def test_each_worker_has_a_graphics_card_where_there_are_several(monkeypatch: pytest.MonkeyPatch) -> None:
    assert graphics_card(0, 1) == {}
    assert [graphics_card(number, 2)["CUDA_VISIBLE_DEVICES"] for number in range(3)] == ["0", "1", "0"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    assert [graphics_card(number, 2)["CUDA_VISIBLE_DEVICES"] for number in range(3)] == ["4", "7", "4"]
