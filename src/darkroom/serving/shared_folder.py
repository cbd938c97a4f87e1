"""The folder that all workers of one service share while it runs: their figures, limits and windows.

Imports none of the others: they open files in that folder when they are imported.
"""

import os
import platform
import shutil
from collections.abc import MutableMapping
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def share_folder(environment: MutableMapping[str, str]) -> Path | None:
    """Return this service's own folder and name it in `environment`; None where there are no workers.

    BentoML gives all services of one BENTOML_HOME the same folder and empties it at each start, under
    the feet of a service that still runs. So the folder lies beside it, named by the process that started
    this worker; those of services that ended are removed.
    """
    given = environment.get(VARIABLE)
    if not given:
        return None
    folder = Path(given).parent / "darkroom-shared"
    own = folder / _name(os.getppid())
    try:
        own.mkdir(parents=True, exist_ok=True)
    except OSError:  # nothing but the folder that BentoML made can be written
        return Path(given)
    environment[VARIABLE] = str(own)
    for other in folder.iterdir():
        pid, _, rest = other.name.partition("-")
        # another machine's, or container's, processes cannot be seen from here
        ours = pid.isdigit() and rest.endswith(f"-{platform.node()}")
        if ours and not (is_alive(int(pid)) and other.name == _name(int(pid))):
            shutil.rmtree(other, ignore_errors=True)
    return own


def is_alive(pid: int) -> bool:
    """Tell whether a process of this number runs; one that waits to be buried does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's
    return _stat(pid)[:1] not in (["Z"], ["X"])


def _name(pid: int) -> str:
    """Return a name for a process that no later one of the same number has."""
    began = "".join(_stat(pid)[19:20])
    return f"{pid}-{began}-{platform.node()}"


def _stat(pid: int) -> list[str]:
    """Return what Linux says of a process from its state on; nothing elsewhere."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
