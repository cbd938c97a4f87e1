"""What the commands share: the checkout, and the registry that the options name."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options before the command, as given; None where they were left out."""

    name: str | None
    uri: str | None


@dataclass(frozen=True, kw_only=True)
class Registry:
    """The URI of a registry, and the name of a registered model in it."""

    uri: str
    name: str


@contextmanager
def registry(options: Options) -> Iterator[Registry]:
    """Give the registry that the options name; an error in the block ends the program with its message."""
    from darkroom.registry.store import RegistryError, registered_name

    uri = options.uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{ROOT / 'mlflow.db'}"
    try:
        _check_file(uri)
        yield Registry(uri=uri, name=options.name or registered_name(_data_name()))
    except (RegistryError, FileExistsError) as error:
        raise SystemExit(str(error)) from error


@contextmanager
def mlflow_registry(options: Options) -> Iterator[Registry]:
    """Give the registry to commands that use MLflow's client, whose import takes seconds."""
    with registry(options) as opened:
        from darkroom.registry.store_errors import registry_errors
        from darkroom.tracking.artifact_places import relocate_artifacts

        with registry_errors(opened.uri):
            relocate_artifacts(opened.uri)
            yield opened


def _check_file(uri: str) -> None:
    """End the program where the registry is a file that is missing or empty: MLflow would fill it."""
    from darkroom.tracking.mlflow_tables import sqlite_file

    path = sqlite_file(uri)
    if path is None or (path.is_file() and path.stat().st_size):
        return
    state = "is empty" if path.is_file() else "does not exist"
    raise SystemExit(
        f"{path} {state}, so nothing is registered: run `make quickstart` or `dvc repro`; in a "
        "clone whose files came from `dvc pull`, `dvc repro -s -f register` rebuilds it"
    )


def _data_name() -> str:
    """Return `data.name` of params.yaml."""
    from darkroom.config import ParamsError, load_params

    try:
        return load_params(ROOT / "params.yaml").data.name
    except ParamsError as error:
        raise SystemExit(str(error)) from error
