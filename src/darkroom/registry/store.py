"""The interface to whatever keeps the registry, and the implementation that serves a URI.

`SqliteStore` and `ServerStore` do without MLflow's client, whose import takes 2 to 4 s: a rollback takes
less than 0.1 s with them. `MlflowStore` uses the client and serves everything else. Nothing here imports
MLflow before it is needed.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from darkroom.tracking.mlflow_tables import sqlite_file
from darkroom.tracking.store_errors import TrackingError

CHAMPION = "champion"  # MLflow's alias for the version to serve
SERVED = ("model.onnx", "model.json")  # the files of a version without which it cannot be served
PUT_BACK = "in the checkout that holds the model, `dvc repro -s -f register` puts its files back"
CLIENT_ONLY = (  # variables whose effect only MLflow's client implements
    "MLFLOW_TRACKING_AUTH",
    "MLFLOW_TRACKING_AWS_SIGV4",
    "MLFLOW_WORKSPACE",
    "MLFLOW_ENABLE_WORKSPACES",
)


class RegistryError(TrackingError):
    """The registry cannot do what was requested; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class RegisteredModel:
    """A registered model's tags, the version numbers of its aliases, and its champion's, None without one."""

    tags: dict[str, str]
    champion: str | None
    aliases: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class KeptFiles:
    """What is known of a version's files without MLflow's client.

    Attributes:
        sha256: of its graph; empty where the version does not say.
        folder: with the files, where they are on this machine as such; else None.
    """

    sha256: str
    folder: Path | None = None


class Store(Protocol):
    """What keeps a registry. Each method raises RegistryError where the store cannot be used."""

    def read(self, name: str) -> RegisteredModel | None:
        """Return a registered model; None where none has this name."""

    def versions(self, name: str) -> list[str]:
        """Return the numbers of a model's versions that are not deleted, in any order."""

    def has_files(self, name: str, version: str) -> bool:
        """Return whether a version's graph and description exist; True where that cannot be found out now."""

    def kept_files(self, name: str, version: str) -> KeptFiles:
        """Return what is known of an existing version's files."""

    def set_tag(self, name: str, key: str, value: str) -> None:
        """Set a tag of a registered model."""

    def set_champion(self, name: str, version: str) -> None:
        """Let the alias `champion` name a version."""

    def create(self, name: str, tags: dict[str, str]) -> bool:
        """Create a registered model; return False where one has this name already."""

    def delete(self, name: str) -> None:
        """Delete a registered model without versions, if it exists."""


def open_store(uri: str) -> Store:
    """Return the store at `uri`; whether it can be used shows only when it is used."""
    by_client = any(os.environ.get(name) for name in CLIENT_ONLY)
    database = sqlite_file(uri)
    if database is not None and not by_client:
        from darkroom.registry.sqlite_store import SqliteStore

        return SqliteStore(uri, database)
    is_server = uri.startswith(("http://", "https://"))
    if is_server and not by_client and not (Path.home() / ".mlflow/credentials").exists():
        from darkroom.registry.server_store import ServerStore

        return ServerStore(uri)
    from darkroom.registry.mlflow_store import MlflowStore

    return MlflowStore(uri)


def registered_name(data_name: str) -> str:
    """Return the name of the registered model of a data set.

    >>> registered_name("cifar10")
    'darkroom-cifar10'
    """
    return f"darkroom-{data_name}"


def evidence_folder(sha256: str) -> str:
    """Return a version's folder among the artifacts of its run, from the hash of its graph.

    >>> evidence_folder("0123456789abcdef")
    'versions/0123456789ab'
    """
    return f"versions/{sha256[:12]}"
