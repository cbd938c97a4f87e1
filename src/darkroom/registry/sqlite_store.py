"""The registry without MLflow's client, whose import takes longer than everything else a rollback does.

A sqlite file is written as MLflow writes it, but only where its tables are of the schema that this was
written for. A server is asked by `server_store`. For all else the caller takes MLflow's client.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from darkroom.registry.champion import CHAMPION, Model, RegistryError, Store

SCHEMAS = ("dc11669786a5",)  # of MLflow's tables, by the revision that it keeps in them
UNKNOWN = (  # what these ask of a client is MLflow's to do
    "MLFLOW_TRACKING_AUTH",
    "MLFLOW_TRACKING_AWS_SIGV4",
    "MLFLOW_WORKSPACE",
    "MLFLOW_ENABLE_WORKSPACES",
)
WORKSPACE = "default"


def open_store(uri: str) -> Store | None:
    """Return the store at `uri`; None for one that only MLflow's client knows how to ask.

    Raises RegistryError where a sqlite file cannot be read.
    """
    if any(os.environ.get(name) for name in UNKNOWN):
        return None
    if uri.startswith(("http://", "https://")):
        if (Path.home() / ".mlflow/credentials").exists():
            return None
        from darkroom.registry.server_store import (
            ServerStore,  # takes longer than all that a sqlite file asks for
        )

        return ServerStore(uri)
    path = uri.removeprefix("sqlite:///")
    if path == uri:
        return None
    store = SqliteStore(Path(path))
    return store if store.schema() in SCHEMAS else None


class SqliteStore:
    """A registry in MLflow's sqlite file, whose schema is one of `SCHEMAS`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def schema(self) -> str | None:
        """Return the revision of MLflow's tables; None where there are none."""
        with self._open() as database:
            if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
                return None
            row = database.execute("SELECT version_num FROM alembic_version").fetchone()
        return None if row is None else str(row[0])

    def read(self, name: str) -> Model | None:
        """Return a registered model; None where there is none of this name."""
        with self._open() as database:
            if not _named(database, "SELECT 1 FROM registered_models", name):
                return None
            tags = _named(database, "SELECT key, value FROM registered_model_tags", name)
            aliases = dict(_named(database, "SELECT alias, version FROM registered_model_aliases", name))
        champion = aliases.get(CHAMPION)
        return Model(tags=dict(tags), champion=None if champion is None else str(champion))

    def versions(self, name: str) -> list[str]:
        """Return the numbers of a model's versions that are not deleted."""
        with self._open() as database:
            rows = _named(database, "SELECT version, current_stage FROM model_versions", name)
        return [str(version) for version, stage in rows if stage != "Deleted_Internal"]

    def tag(self, name: str, key: str, value: str) -> None:
        """Give a registered model a tag."""
        with self._open() as database:
            database.execute(
                "INSERT INTO registered_model_tags (workspace, name, key, value) VALUES (?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET value = excluded.value",
                (WORKSPACE, name, key, value),
            )

    def point(self, name: str, version: str) -> None:
        """Point the alias to a version."""
        with self._open() as database:
            database.execute(
                "INSERT INTO registered_model_aliases (workspace, name, alias, version) VALUES (?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET version = excluded.version",
                (WORKSPACE, name, CHAMPION, int(version)),
            )

    def create(self, name: str, tags: dict[str, str]) -> bool:
        """Make a registered model; return whether it was made."""
        now = time.time_ns() // 1_000_000
        with self._open() as database:
            made = database.execute(
                "INSERT INTO registered_models (workspace, name, creation_time, last_updated_time) "
                "VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (WORKSPACE, name, now, now),
            ).rowcount
            if made:
                database.executemany(
                    "INSERT INTO registered_model_tags (workspace, name, key, value) VALUES (?, ?, ?, ?)",
                    [(WORKSPACE, name, key, value) for key, value in tags.items()],
                )
        return bool(made)

    def delete(self, name: str) -> None:
        """Delete a registered model without versions, if it is there."""
        with self._open() as database:
            for table in ("registered_model_tags", "registered_models"):
                database.execute(f"DELETE FROM {table} WHERE workspace = ? AND name = ?", (WORKSPACE, name))  # noqa: S608

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Give a connection whose changes come all together at the end of the block."""
        address = f"{self._path.resolve().as_uri()}?mode=rw"  # where the file is gone no empty one is made
        try:
            with closing(sqlite3.connect(address, uri=True, timeout=60)) as found:
                found.execute("PRAGMA foreign_keys = ON")
                with found:
                    yield found
        except sqlite3.Error as error:
            raise RegistryError(f"the registry in {self._path} cannot be used: {error}") from error


def _named(database: sqlite3.Connection, select: str, name: str) -> list[Any]:
    return database.execute(f"{select} WHERE workspace = ? AND name = ?", (WORKSPACE, name)).fetchall()
