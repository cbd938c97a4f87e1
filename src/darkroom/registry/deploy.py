"""Deploying the champion: find or build its Bento, and change the running service to it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from darkroom.environment import bento_home
from darkroom.registry.champion import no_model
from darkroom.registry.store import RegistryError, Store
from darkroom.serving.process.bento_store import missing_part
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
        if model is None:
            raise RegistryError(no_model(name))
        if model.champion is None:
            raise RegistryError(f"{name} has no champion to serve: run `dvc repro`, or promote a version")
        version = model.champion
        if version not in store.versions(name):
            raise RegistryError(
                f"the champion of {name}, version {version}, was deleted: roll back, or promote a version"
            )
        tag = find_bento(home, name, version) or build_champion_bento(root, home, name, version)
    elif tag.count(":") == 1 and not tag.endswith(":latest") and (missing := missing_part(home, tag)):
        raise RegistryError(
            f"there is no whole Bento {tag} in {home}: it lacks {missing}. Leave out --bento for the "
            "champion's, which is built where it is missing"
        )
    if tag == current:
        return {"tag": tag, "before": current, "seconds": 0.0}
    return change_bento(home, port, tag)


def find_bento(home: Path, name: str, version: str) -> str | None:
    """Return the tag of the newest whole Bento of a model version; None if the store has none."""
    found = (
        path
        for path in (home / "bentos" / name).glob(f"{version}-*/bento.yaml")
        if missing_part(home, f"{name}:{path.parent.name}") is None
    )
    newest = max(found, key=lambda path: path.stat().st_mtime, default=None)
    return None if newest is None else f"{name}:{newest.parent.name}"


def build_champion_bento(root: Path, home: Path, name: str, version: str) -> str:
    """Package the champion with the pipeline's last two stages; return the tag of its Bento.

    Raises:
        RegistryError: a stage failed.
    """
    # -f: the files that DVC compares can be as they were while MLflow's and BentoML's stores are not
    for command in (("repro", "-s", "-f", "register"), ("repro", "-s", "-f", "package")):
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *command],
            cwd=root,
            env={**os.environ, "BENTOML_HOME": str(home), "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
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
