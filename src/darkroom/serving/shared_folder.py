"""The folder that all workers of one service share while it runs, for metrics, rate limits and drift.

Imports no other file of the service: those open files in the folder when they are imported.
"""

import os
import platform
import shutil
from collections.abc import MutableMapping
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def share_folder(environment: MutableMapping[str, str]) -> Path | None:
    """Return this service's own folder and set it in `environment`; None where there are no workers.

    BentoML gives all services of one BENTOML_HOME the same folder and empties it at each start, even while
    another service still uses it. So this service's folder is beside it, named by the process that started
    this worker. The folders of services that ended are removed.
    """
    given = environment.get(VARIABLE)
    if not given:
        return None
    folder = Path(given).parent / "darkroom-shared"
    own = folder / _name(os.getppid())
    try:
        own.mkdir(parents=True, exist_ok=True)
    except OSError:  # only the folder that BentoML created is writable
        return Path(given)
    environment[VARIABLE] = str(own)
    for other in folder.iterdir():
        pid, _, rest = other.name.partition("-")
        # processes of another machine or container are not visible here
        ours = pid.isdigit() and rest.endswith(f"-{platform.node()}")
        if ours and not (is_alive(int(pid)) and other.name == _name(int(pid))):
            shutil.rmtree(other, ignore_errors=True)
    return own


def take_space(file: int, size: int) -> None:
    """Let an open file have `size` bytes on the disk, not only in name.

    Such a file is memory-mapped, and a page for which a full disk has no room ends the worker by SIGBUS.
    Raises OSError where there is no room now.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
    elif os.fstat(file).st_size < size:
        os.truncate(file, size)


def take_space_for_metrics(folder: Path) -> None:
    """Let the files in which this worker keeps its metrics have their space on the disk; raises OSError."""
    for path in folder.glob(f"*_{os.getpid()}.db"):
        with path.open("r+b") as file:
            take_space(file.fileno(), path.stat().st_size)


def is_alive(pid: int) -> bool:
    """Return whether a process with this id is running; a zombie is not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it runs as another user
    return _stat(pid)[:1] not in (["Z"], ["X"])


def _name(pid: int) -> str:
    """Return a name for a process that no later process with the same id has."""
    started = "".join(_stat(pid)[19:20])
    return f"{pid}-{started}-{platform.node()}"


def _stat(pid: int) -> list[str]:
    """Return the fields of a process's /proc/PID/stat from its state on; empty without Linux's /proc."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
