"""The folder that the workers of one service share."""

import os
import subprocess
import sys
from pathlib import Path

from darkroom.serving.shared_folder import VARIABLE, _name, is_alive, share_folder


def test_each_service_has_a_folder_and_those_of_ended_ones_go(tmp_path: Path) -> None:
    given = tmp_path / "prometheus_multiproc_dir"
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    living = tmp_path / "darkroom-shared" / _name(other.pid)
    earlier = living.with_name(f"{os.getpid()}-1-{living.name.split('-', 2)[2]}")  # its number came again
    elsewhere = living.with_name("99999999-1-another-machine")
    for folder in (given, living, earlier, elsewhere):
        folder.mkdir(parents=True)
        (folder / "counter_1.db").write_bytes(b"")
    environment = {VARIABLE: str(given)}
    own = share_folder(environment)
    assert own is not None
    assert environment[VARIABLE] == str(own)
    assert own.name == _name(os.getppid())
    assert set(own.parent.iterdir()) == {own, living, elsewhere}
    assert is_alive(other.pid)
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # dead, and not buried yet
    assert not is_alive(other.pid)
    other.wait()
    share_folder({VARIABLE: str(given)})
    assert set(own.parent.iterdir()) == {own, elsewhere}
    assert share_folder({}) is None
