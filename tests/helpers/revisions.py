"""For tests of stores whose tables have another revision than the known one."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from mlflow.store.db import utils

from darkroom.tracking.mlflow_tables import sqlite_file

OLDER = "75868b020152"  # MLflow's revision before the one in `mlflow_tables.REVISIONS`
NEWER = "ffffffffffff"  # one that no MLflow knows yet
OTHER_REVISIONS = [pytest.param(OLDER, id="older"), pytest.param(NEWER, id="newer")]
TABLES = {  # what is compared: not the times
    "registered_models": "name, workspace, description",
    "registered_model_tags": "name, workspace, key, value",
    "registered_model_aliases": "name, workspace, alias, version",
    "model_versions": "name, workspace, version, current_stage, source, storage_location",
    "experiments": "name, artifact_location",
    "runs": "artifact_uri",
    "logged_models": "artifact_location",
}


def database(uri: str) -> Path:
    """Return the file of a sqlite store."""
    file = sqlite_file(uri)
    assert file is not None
    return file


def set_revision(uri: str, revision: str) -> None:
    """Give the tables of a store another revision."""
    with closing(sqlite3.connect(database(uri))) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))


def install_revision(monkeypatch: pytest.MonkeyPatch, revision: str) -> None:
    """Let the installed MLflow be one whose tables have this revision."""
    monkeypatch.setattr(utils, "_get_latest_schema_revision", lambda: revision)


def rows(uri: str) -> dict[str, list[Any]]:
    """Return the content of the tables that are accessed directly."""
    with closing(sqlite3.connect(database(uri))) as connection:
        return {
            table: sorted(connection.execute(f"SELECT {columns} FROM {table}"))  # noqa: S608  names from above
            for table, columns in TABLES.items()
        }
