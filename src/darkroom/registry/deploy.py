"""Deploying the champion: find or build its Bento, and change the running service to it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from darkroom.environment import bento_home
from darkroom.registry.store import RegistryError, Store
from darkroom.serving.process.control import (
    SupervisorError as SupervisorError,  # re-exported for callers of `deploy`
)
from darkroom.serving.process.control import change_bento, read_state


def deploy(root: Path, store: Store, name: str, *, port: int, tag: str | None = None) -> dict[str, Any]:
    """Make the service on `port` serve the champion's Bento, or `tag`, without failing a request.

    Args:
        root: the checkout; BentoML's store is in its `.bentoml` unless BENTOML_HOME is set.
        store: of the registry.
        name: of the registered model and of its Bentos.
        port: of the service.
        tag: of a Bento; None is the champion's newest one, which is built first if there is none.

    Returns:
        `tag`, `before` and `seconds`, as `change_bento` does; `seconds` is 0 if the tag was served already.

    Raises:
        RegistryError: there is no champion, or it cannot be packaged.
        SupervisorError: no service runs, or the new Bento does not start.
    """
    home = bento_home(root)
    current = read_state(home, port)["tag"]
    if tag is None:
        model = store.read(name)
        if model is None or model.champion is None:
            raise RegistryError(f"{name} has no champion to serve: run `dvc repro`, or promote a version")
        version = model.champion
        tag = find_bento(home, name, version) or build_champion_bento(root, home, name, version)
    if tag == current:
        return {"tag": tag, "before": current, "seconds": 0.0}
    return change_bento(home, port, tag)


def find_bento(home: Path, name: str, version: str) -> str | None:
    """Return the tag of the newest Bento of a model version; None if the store has none."""
    found = (home / "bentos" / name).glob(f"{version}-*/bento.yaml")
    newest = max(found, key=lambda path: path.stat().st_mtime, default=None)
    return None if newest is None else f"{name}:{newest.parent.name}"


def build_champion_bento(root: Path, home: Path, name: str, version: str) -> str:
    """Package the champion with the pipeline's last two stages; return the tag of its Bento.

    Raises:
        RegistryError: a stage failed.
    """
    for command in (("repro", "-s", "-f", "register"), ("repro", "-s", "package")):
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *command],
            cwd=root,
            env={**os.environ, "BENTOML_HOME": str(home)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RegistryError(
                f"version {version} has no Bento, and `dvc {' '.join(command)}`, which builds one, failed:"
                f"\n{(done.stderr or done.stdout).strip()}"
            )
    tag = find_bento(home, name, version)
    if tag is None:
        raise RegistryError(f"`dvc repro package` left no Bento of {name} version {version} in {home}")
    return tag
