"""The registry in MLflow's sqlite file, without MLflow's client where the schema of the file is known."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from darkroom.registry.store import (
    CHAMPION,
    SERVED,
    KeptFiles,
    RegisteredModel,
    RegistryError,
    Store,
    evidence_folder,
)
from darkroom.tracking import mlflow_tables
from darkroom.tracking.artifact_places import artifact_places
from darkroom.tracking.store_errors import explain

Result = TypeVar("Result")


class SqliteStore:
    """A registry in a sqlite file.

    Each call checks the revision of the file's schema. Where it is not in `mlflow_tables.REVISIONS`, older
    or newer, the call goes through MLflow's client.
    """

    def __init__(self, uri: str, database: Path) -> None:
        self._uri = uri
        self._database = database

    def read(self, name: str) -> RegisteredModel | None:
        """Return a registered model; None where none has this name."""

        def direct() -> RegisteredModel | None:
            row = mlflow_tables.read_model(self._database, name)
            if row is None:
                return None
            return RegisteredModel(tags=row.tags, champion=row.aliases.get(CHAMPION), aliases=row.aliases)

        return self._run(direct, lambda client: client.read(name))

    def versions(self, name: str) -> list[str]:
        """Return the numbers of a model's versions that are not deleted."""
        return self._run(
            lambda: mlflow_tables.version_numbers(self._database, name), lambda client: client.versions(name)
        )

    def has_files(self, name: str, version: str) -> bool:
        """Return whether a version's graph and description exist; True where that cannot be found out now."""

        def by_client(client: Store) -> bool:
            return client.has_files(name, version)

        def direct() -> bool:
            row = mlflow_tables.read_version(self._database, name, version)
            if row.artifacts is None or "sha256" not in row.tags:
                return False
            if not row.artifacts.startswith("file:"):  # in a store that MLflow's client knows
                return by_client(self._client())
            folder = evidence_folder(row.tags["sha256"])
            places = [place / folder for place in artifact_places(self._database, row.artifacts)]
            return any(all((place / file).is_file() for file in SERVED) for place in places)

        return self._run(direct, by_client)

    def kept_files(self, name: str, version: str) -> KeptFiles:
        """Return what is known of an existing version's files."""

        def direct() -> KeptFiles:
            row = mlflow_tables.read_version(self._database, name, version)
            sha256 = row.tags.get("sha256", "")
            if row.artifacts is None or not row.artifacts.startswith("file:"):
                return KeptFiles(sha256=sha256)
            folder = evidence_folder(sha256)
            places = [place / folder for place in artifact_places(self._database, row.artifacts)]
            whole = (place for place in places if all((place / file).is_file() for file in SERVED))
            return KeptFiles(sha256=sha256, folder=next(whole, None))

        return self._run(direct, lambda client: client.kept_files(name, version))

    def set_tag(self, name: str, key: str, value: str) -> None:
        """Set a tag of a registered model."""
        self._run(
            lambda: mlflow_tables.set_model_tag(self._database, name, key, value),
            lambda client: client.set_tag(name, key, value),
        )

    def set_champion(self, name: str, version: str) -> None:
        """Let the alias `champion` name a version."""
        self._run(
            lambda: mlflow_tables.set_model_alias(self._database, name, CHAMPION, version),
            lambda client: client.set_champion(name, version),
        )

    def create(self, name: str, tags: dict[str, str]) -> bool:
        """Create a registered model; return False where one has this name already."""
        return self._run(
            lambda: mlflow_tables.create_model(self._database, name, tags),
            lambda client: client.create(name, tags),
        )

    def delete(self, name: str) -> None:
        """Delete a registered model without versions, if it exists."""
        self._run(
            lambda: mlflow_tables.delete_model(self._database, name), lambda client: client.delete(name)
        )

    def _run(self, direct: Callable[[], Result], by_client: Callable[[Store], Result]) -> Result:
        """Return the result of `direct`, or of MLflow's client where the schema is not known."""
        try:
            return direct()
        except sqlite3.Error as error:
            raise RegistryError(explain(self._uri, error)) from error
        except mlflow_tables.UnknownRevisionError:
            return by_client(self._client())

    def _client(self) -> Store:
        from darkroom.registry.mlflow_store import MlflowStore

        return MlflowStore(self._uri)
