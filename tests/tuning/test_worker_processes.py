"""Worker processes end with the process that started them, and share out the graphics cards."""

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from darkroom.tuning import worker_processes
from darkroom.tuning.supervision import supervise
from darkroom.tuning.worker_processes import graphics_card
from tests.helpers.tuning import start_script


def test_a_worker_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    child = "import time; from darkroom.tuning.worker_processes import end_with_parent; end_with_parent(); "
    child += "open('running', 'w').close(); time.sleep(600)"
    parent = f"""
import os, signal, sys
from pathlib import Path
from darkroom.tuning.worker_processes import Process
from tests.helpers.waiting import eventually
worker = Process([sys.executable, "-c", {child!r}], folder=Path("."), log=Path("log"), environment={{}})
Path("worker").write_text(str(worker._process.pid))
eventually(Path("running").exists, "the worker runs")
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


def test_a_worker_may_end_before_its_parent(tmp_path: Path) -> None:
    source = Path(worker_processes.__file__).parents[2]
    script = (
        f"import sys; sys.path.insert(0, {str(source)!r}); "
        "from darkroom.tuning.worker_processes import end_with_parent; "
    )
    supervise(lambda number: start_script(tmp_path, script + "end_with_parent()"), 1, progress=lambda: 0)
    assert (tmp_path / "log").read_text() == ""


def test_each_worker_gets_a_graphics_card_if_there_are_several(monkeypatch: pytest.MonkeyPatch) -> None:
    assert graphics_card(0, 1) == {}
    assert [graphics_card(number, 2)["CUDA_VISIBLE_DEVICES"] for number in range(3)] == ["0", "1", "0"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    assert [graphics_card(number, 2)["CUDA_VISIBLE_DEVICES"] for number in range(3)] == ["4", "7", "4"]
