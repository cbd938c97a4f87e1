"""What the commands share: the checkout, and the registry that the options name."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from darkroom.cli.options import Options

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, kw_only=True)
class Registry:
    """The URI of a registry, and the name of a registered model in it."""

    uri: str
    name: str


@contextmanager
def registry_uri(options: Options) -> Iterator[str]:
    """Give the URI of the registry; an error in the block ends the program with its message."""
    from darkroom import UserError

    uri = options.uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{ROOT / 'mlflow.db'}"
    try:
        _check_file(uri)
        yield uri
    except (UserError, FileExistsError) as error:
        raise SystemExit(str(error)) from error


@contextmanager
def registry(options: Options, model: str | None = None) -> Iterator[Registry]:
    """Give the registry and the model that an argument or --name names, else the one that is meant."""
    with registry_uri(options) as uri:
        named = named_model(options, model)
        yield Registry(uri=uri, name=find_name(uri, named) if named else _default_name(uri))


@contextmanager
def mlflow_registry(options: Options, model: str | None = None) -> Iterator[Registry]:
    """Give the registry to commands that use MLflow's client, whose import takes seconds."""
    with registry(options, model) as opened, mlflow_client(opened.uri):
        yield opened


@contextmanager
def mlflow_client(uri: str) -> Iterator[None]:
    """Prepare a registry for MLflow's client and turn the client's errors into RegistryError."""
    from darkroom.registry.store_errors import registry_errors
    from darkroom.tracking.artifact_places import relocate_artifacts

    with registry_errors(uri):
        relocate_artifacts(uri)
        yield


def named_model(options: Options, model: str | None) -> str | None:
    """Return the model that an argument and --name name, None where none does; refuse two different ones."""
    if model and options.name and model != options.name:
        raise click.UsageError(f"two models are named: {model}, and {options.name} by --name")
    return model or options.name


def find_name(uri: str, named: str) -> str:
    """Return the name of a registered model; `digits` is enough for `darkroom-digits`."""
    from darkroom.registry.store import open_store, registered_name

    store = open_store(uri)
    whole = registered_name(named)
    if store.read(named) is None and store.read(whole) is not None:
        return whole
    return named  # where it does not exist either, the command says so


def _default_name(uri: str) -> str:
    """Return the model of the data set in params.yaml, or the only one with versions where it has none.

    Raises RegistryError where it has none and several others have.
    """
    from darkroom.registry.store import RegistryError, open_store, registered_name

    usual = registered_name(_data_name())
    if open_store(uri).versions(usual):
        return usual
    with mlflow_client(uri):
        from darkroom.registry.models import list_models

        names = [model.name for model in list_models(uri)]
    if not names:
        return usual  # the command says what to do
    if len(names) > 1:
        raise RegistryError(
            f"{usual}, the model of the data set in params.yaml, has no versions. Name one after --name: "
            f"{', '.join(names)}"
        )
    click.echo(f"{names[0]} is meant: {usual}, of the data set in params.yaml, has no versions", err=True)
    return names[0]


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
