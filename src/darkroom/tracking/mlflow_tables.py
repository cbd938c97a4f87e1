"""Direct access to MLflow's SQL tables in a sqlite file: the only file that knows their names and columns.

It exists for two reasons. Importing MLflow's client takes 2 to 4 s, while a rollback through the functions
below takes 0.01 s (`python -m benchmarks.rollback`). And MLflow has no command that changes where the
artifacts of existing runs are (github.com/mlflow/mlflow/issues/3144).

The tables are not a public interface and change with MLflow. Therefore each function compares the revision
of the schema with `REVISIONS` in the same transaction in which it reads or writes, and raises
UnknownRevisionError where it is another one, older or newer: callers then use MLflow's client. Servers are
never accessed here: they have a documented REST API (`darkroom.registry.server_store`).
"""

import logging
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

log = logging.getLogger(__name__)

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


def relocate_artifacts(uri: str) -> None:
    """Correct the artifact paths in the sqlite file of `uri` after it was moved with its artifacts.

    MLflow keeps absolute paths, so a moved checkout would lose every model. Only paths that lead nowhere
    are changed, and only to folders that exist. A store of another kind is left alone.

    MLflow is imported by every caller, so this goes through MLflow's own table classes, which fit the
    schema of the installed MLflow; MLflow checks the revision of the file before anything is written.

    Raises:
        MlflowException: the schema is not the installed MLflow's; the message says what to do.
        sqlite3.Error: the file is not a database.
    """
    database = sqlite_file(uri)
    if database is None or not database.is_file() or schema_revision(database) is None:
        return
    from mlflow.store.db.utils import _verify_schema
    from mlflow.store.model_registry.dbmodels.models import SqlModelVersion
    from mlflow.store.tracking.dbmodels.models import SqlExperiment, SqlLoggedModel, SqlRun
    from mlflow.tracking._tracking_service.utils import _get_store
    from sqlalchemy import func, or_, select, update

    columns: tuple[Any, ...] = (
        SqlExperiment.artifact_location,
        SqlRun.artifact_uri,
        SqlLoggedModel.artifact_location,
        SqlModelVersion.storage_location,
        SqlModelVersion.source,
    )
    engine = _get_store(uri).engine  # type: ignore[no-untyped-call]
    with engine.begin() as connection:
        for name, old in connection.execute(
            select(SqlExperiment.name, SqlExperiment.artifact_location)
        ).all():
            here = database.resolve().parent / "mlruns" / name
            new = here.as_uri()
            if not old.startswith("file://") or old == new or not here.is_dir() or _path_of(old).exists():
                continue
            log.info("%s was moved: the artifacts of %s are in %s now", database.name, name, here)
            _verify_schema(engine)  # type: ignore[no-untyped-call]
            for column in columns:
                begins = func.substr(column, 1, len(old) + 1) == f"{old}/"
                connection.execute(
                    update(column.class_)
                    .where(or_(column == old, begins))
                    .values({column: new + func.substr(column, len(old) + 1)})
                )


def _path_of(file_uri: str) -> Path:
    return Path(url2pathname(urlsplit(file_uri).path))


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
