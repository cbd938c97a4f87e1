"""Bringing the champion into service: its Bento found or built, and the running service changed to it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from darkroom.registry.store import RegistryError, Store
from darkroom.serving.process.supervisor import (
    SupervisorError as SupervisorError,  # for those who call this module
)
from darkroom.serving.process.supervisor import ask, served


def deploy(root: Path, store: Store, name: str, *, port: int, tag: str | None = None) -> dict[str, Any]:
    """Have the service on `port` serve the champion's Bento, or `tag`, without a failed request.

    Args:
        root: the checkout, with BentoML's store in `.bentoml` where BENTOML_HOME names none.
        store: of the registry.
        name: of the registered model, and of its Bentos.
        port: of the service.
        tag: of a Bento; None: the champion's newest, which is built first where there is none.

    Returns:
        `tag`, `before` and `seconds`, as `supervisor.ask` does; `seconds` is 0 where it was served already.

    Raises:
        RegistryError: there is no champion, or it cannot be packaged.
        SupervisorError: there is no service, or it does not change.
    """
    home = Path(os.environ.get("BENTOML_HOME") or root / ".bentoml").resolve()
    now = served(home, port)["tag"]
    if tag is None:
        model = store.read(name)
        if model is None or model.champion is None:
            raise RegistryError(f"{name} has no champion to serve: run `dvc repro`, or promote a version")
        tag = find_bento(home, name, model.champion) or build(root, home, name, model.champion)
    if tag == now:
        return {"tag": tag, "before": now, "seconds": 0.0}
    return ask(home, port, tag)


def find_bento(home: Path, name: str, version: str) -> str | None:
    """Return the tag of the Bento that was built last from a version; None where the store has none."""
    found = (home / "bentos" / name).glob(f"{version}-*/bento.yaml")
    newest = max(found, key=lambda path: path.stat().st_mtime, default=None)
    return None if newest is None else f"{name}:{newest.parent.name}"


def build(root: Path, home: Path, name: str, version: str) -> str:
    """Package the champion by the pipeline's last two stages; return its Bento's tag.

    Raises RegistryError when that fails.
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
                f"version {version} has no Bento, and `dvc {' '.join(command)}`, which would build one, "
                f"failed:\n{(done.stderr or done.stdout).strip()}"
            )
    tag = find_bento(home, name, version)
    if tag is None:
        raise RegistryError(f"no Bento of {name} version {version} came to be in {home}")
    return tag
