"""Whether a sqlite file is one that the installed MLflow reads: checked before MLflow opens it.

MLflow itself adds its tables to any file, those of other programs included, upgrades some older files
without a copy, and tries ten times, for a minute, to open what is no database.
"""

import shlex
import sqlite3

import mlflow
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from mlflow.store.db import utils

from darkroom.tracking.mlflow_tables import REVISIONS, schema_revision, sqlite_file, table_names
from darkroom.tracking.store_errors import REBUILD, TrackingError, explain


def check_schema(uri: str) -> None:
    """Check the sqlite file of `uri`, if it is one and exists.

    Raises TrackingError when it is not a database, or one of another program or another version of MLflow.
    """
    database = sqlite_file(uri)
    if database is None or not database.exists():
        return
    try:
        tables, revision = table_names(database), schema_revision(database)
    except sqlite3.Error as error:
        raise TrackingError(explain(uri, error)) from error
    if revision is None and not tables:
        return  # empty: as good as missing
    if revision is None:
        raise TrackingError(
            f"{database} is a database of another program (it has the table {tables[0]}): name another file, "
            "in MLFLOW_TRACKING_URI or after --uri"
        )
    if revision in REVISIONS:
        return  # the installed MLflow's; looking that up would take longer than what many commands do
    newest = utils._get_latest_schema_revision()  # type: ignore[no-untyped-call]
    if revision == newest:
        return
    if _is_older(revision):
        raise TrackingError(
            f"{database} was written by an older MLflow than the installed {mlflow.__version__} (schema "
            f"{revision}, not {newest}): copy the file, then run `mlflow db upgrade {shlex.quote(uri)}`"
        )
    raise TrackingError(
        f"{database} was written by a newer MLflow than the installed {mlflow.__version__}, which does not "
        f"know its schema {revision}: update the checkout and run `make install`, or move the file away, and "
        f"{REBUILD}"
    )


def _is_older(revision: str) -> bool:
    config = utils._get_alembic_config("")  # type: ignore[no-untyped-call]
    try:
        return ScriptDirectory.from_config(config).get_revision(revision) is not None
    except CommandError:  # unknown here
        return False
