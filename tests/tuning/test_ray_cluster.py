"""A Ray task runs a worker process, reports how that ended, and takes it along when it is stopped."""

import importlib.util
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from darkroom.tuning import ray_cluster
from darkroom.tuning.ray_cluster import Task
from darkroom.tuning.supervision import WorkerError
from tests.helpers.checkouts import PROJECT
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed: `make install-ray`")
    ray_cluster.connect(shared_storage=False)
    yield
    ray_cluster.disconnect()


def start(folder: Path, script: str) -> Task:
    """Start a task whose worker process runs a Python script."""
    command = [sys.executable, "-c", script]
    return Task(
        command, root=PROJECT, log=folder / "log", cores=1, cards=0, environment={"GIVEN": str(folder)}
    )


def end_of(task: Task) -> str:
    """Wait for the end of a task and return what killed it, "" if nothing did."""
    ends: list[str] = []

    def ended() -> bool:
        if (end := task.ended()) is not None:
            ends.append(end)
        return bool(ends)

    eventually(ended, "the task ends")
    return ends[0]


def test_a_task_reports_how_its_worker_ended(tmp_path: Path) -> None:
    assert end_of(start(tmp_path, "import os; open(os.environ['GIVEN'] + '/here', 'w')")) == ""
    assert (tmp_path / "here").is_file()
    assert end_of(start(tmp_path, "import os; os.kill(os.getpid(), 9)")) == f"signal {signal.SIGKILL:d}"
    with pytest.raises(WorkerError, match="a mistake"):
        end_of(start(tmp_path, "import sys; sys.exit('a mistake')"))


def test_a_stopped_task_takes_its_worker_along(tmp_path: Path) -> None:
    script = (
        "import os, time; from darkroom.tuning.worker_processes import end_with_parent; end_with_parent(); "
    )
    script += "file = open(os.environ['GIVEN'] + '/pid', 'w'); file.write(str(os.getpid())); file.close(); "
    task = start(tmp_path, script + "time.sleep(600)")
    eventually(lambda: (tmp_path / "pid").is_file() and (tmp_path / "pid").read_text(), "the worker runs")
    number = int((tmp_path / "pid").read_text())
    task.stop()
    eventually(lambda: not psutil.pid_exists(number), "the worker ends")


SAVES = """
import os, time
from darkroom import stopping
from darkroom.tuning.worker_processes import end_with_parent
with stopping.handled(), stopping.deferred():
    end_with_parent()
    open(os.environ["GIVEN"] + "/runs", "w").close()
    while not stopping.requested():
        time.sleep(0.01)
    open(os.environ["GIVEN"] + "/saved", "w").close()
"""


def test_a_worker_may_save_when_its_task_is_asked_to_stop(tmp_path: Path) -> None:
    task = start(tmp_path, SAVES)
    eventually((tmp_path / "runs").is_file, "the worker runs")
    task.request_stop()
    task.stop()
    assert (tmp_path / "saved").is_file()
