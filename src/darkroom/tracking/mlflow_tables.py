"""Direct access to MLflow's SQL tables in a sqlite file: the only file that knows their names and columns.

Importing MLflow's client takes 2 to 4 s, while a rollback through the functions below takes 0.01 s
(`python -m benchmarks.rollback`).

The tables are not a public interface and change with MLflow. Therefore each function compares the revision
of the schema with `REVISIONS` in the same transaction in which it reads or writes, and raises
UnknownRevisionError where it is another one, older or newer: callers then use MLflow's client. Servers are
never accessed here: they have a documented REST API (`darkroom.registry.server_store`).
"""

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REVISIONS = ("dc11669786a5",)  # alembic revisions of the schema that the statements below are written for
WORKSPACE = "default"
LOCK_SECONDS = 60.0  # a write waits this long for other processes to finish theirs


class UnknownRevisionError(RuntimeError):
    """The schema of a database has a revision that is not in `REVISIONS`."""


@dataclass(frozen=True, kw_only=True)
class ModelRow:
    """A registered model: its tags, and the version number of each alias."""

    tags: dict[str, str]
    aliases: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class VersionRow:
    """A version of a registered model: its tags, and the URI of its run's artifacts; None without a run."""

    tags: dict[str, str]
    artifacts: str | None


def sqlite_file(uri: str) -> Path | None:
    """Return the file of a sqlite store; None for a store of another kind.

    >>> sqlite_file("sqlite:///mlflow.db").name
    'mlflow.db'
    >>> sqlite_file("http://127.0.0.1:5000") is None
    True
    """
    path = uri.removeprefix("sqlite:///")
    return None if path == uri else Path(path)


def schema_revision(database: Path) -> str | None:
    """Return the alembic revision of MLflow's tables; None where there are none.

    Raises sqlite3.Error when the file is missing or is not a database.
    """
    with _connection(database) as connection:
        return _revision(connection)


def table_names(database: Path) -> list[str]:
    """Return the names of a sqlite file's tables, in alphabetical order; none where it is empty.

    Raises sqlite3.Error when the file is missing or is not a database.
    """
    with _connection(database) as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        return [str(name) for (name,) in rows]


def read_model(database: Path, name: str) -> ModelRow | None:
    """Return a registered model; None where none has this name.

    Raises:
        UnknownRevisionError: the schema is not known.
        sqlite3.Error: the file cannot be read.
    """
    with _known_schema(database, "BEGIN") as connection:
        if not _named_rows(connection, "SELECT 1 FROM registered_models", name):
            return None
        tags = _named_rows(connection, "SELECT key, value FROM registered_model_tags", name)
        aliases = _named_rows(connection, "SELECT alias, version FROM registered_model_aliases", name)
    return ModelRow(tags=dict(tags), aliases={alias: str(version) for alias, version in aliases})


def read_version(database: Path, name: str, version: str) -> VersionRow:
    """Return what a version's tags and its run say; empty where they are gone. Raises as `read_model`."""
    with _known_schema(database, "BEGIN") as connection:
        tags = connection.execute(
            "SELECT key, value FROM model_version_tags WHERE workspace = ? AND name = ? AND version = ?",
            (WORKSPACE, name, version),
        ).fetchall()
        kept = dict(tags)
        run = connection.execute("SELECT artifact_uri FROM runs WHERE run_uuid = ?", (kept.get("run_id"),))
        found = run.fetchone()
    return VersionRow(tags=kept, artifacts=None if found is None else str(found[0]))


def version_numbers(database: Path, name: str) -> list[str]:
    """Return the numbers of a model's versions that are not deleted. Raises as `read_model` does."""
    with _known_schema(database, "BEGIN") as connection:
        rows = _named_rows(connection, "SELECT version, current_stage FROM model_versions", name)
    return [str(version) for version, stage in rows if stage != "Deleted_Internal"]


def set_model_tag(database: Path, name: str, key: str, value: str) -> None:
    """Set a tag of a registered model. Raises as `read_model` does."""
    with _known_schema(database, "BEGIN IMMEDIATE") as connection:
        connection.execute(
            "INSERT INTO registered_model_tags (workspace, name, key, value) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET value = excluded.value",
            (WORKSPACE, name, key, value),
        )


def set_model_alias(database: Path, name: str, alias: str, version: str) -> None:
    """Let an alias of a registered model name a version. Raises as `read_model` does."""
    with _known_schema(database, "BEGIN IMMEDIATE") as connection:
        connection.execute(
            "INSERT INTO registered_model_aliases (workspace, name, alias, version) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET version = excluded.version",
            (WORKSPACE, name, alias, int(version)),
        )


def create_model(database: Path, name: str, tags: Mapping[str, str]) -> bool:
    """Create a registered model; return False where one has this name. Raises as `read_model` does."""
    now = time.time_ns() // 1_000_000
    with _known_schema(database, "BEGIN IMMEDIATE") as connection:
        created = connection.execute(
            "INSERT INTO registered_models (workspace, name, creation_time, last_updated_time) "
            "VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (WORKSPACE, name, now, now),
        ).rowcount
        if created:
            connection.executemany(
                "INSERT INTO registered_model_tags (workspace, name, key, value) VALUES (?, ?, ?, ?)",
                [(WORKSPACE, name, key, value) for key, value in tags.items()],
            )
    return bool(created)


def delete_model(database: Path, name: str) -> None:
    """Delete a registered model without versions, if it exists. Raises as `read_model` does."""
    with _known_schema(database, "BEGIN IMMEDIATE") as connection:
        for table in ("registered_model_tags", "registered_models"):
            connection.execute(f"DELETE FROM {table} WHERE workspace = ? AND name = ?", (WORKSPACE, name))  # noqa: S608


@contextmanager
def _known_schema(database: Path, begin: str) -> Iterator[sqlite3.Connection]:
    """Open a transaction on a database whose schema is known; commit it at the end of the block."""
    with _connection(database) as connection:
        connection.execute(begin)
        with connection:  # commits, or rolls back when the block raises
            revision = _revision(connection)
            if revision not in REVISIONS:
                raise UnknownRevisionError(
                    f"{database} has MLflow's schema of revision {revision}, known are {', '.join(REVISIONS)}"
                )
            yield connection


@contextmanager
def _connection(database: Path) -> Iterator[sqlite3.Connection]:
    address = f"{database.resolve().as_uri()}?mode=rw"  # rw: a missing file is an error
    opened = sqlite3.connect(address, uri=True, timeout=LOCK_SECONDS, isolation_level=None)
    with closing(opened) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        yield connection


def _revision(connection: sqlite3.Connection) -> str | None:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def _named_rows(connection: sqlite3.Connection, select: str, name: str) -> list[Any]:
    return connection.execute(f"{select} WHERE workspace = ? AND name = ?", (WORKSPACE, name)).fetchall()
