"""Where the artifacts of a sqlite file are after it was moved together with them.

MLflow keeps absolute paths, and has no command that changes where the artifacts of existing runs are
(github.com/mlflow/mlflow/issues/3144).
"""

import logging
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from darkroom.tracking.mlflow_tables import schema_revision, sqlite_file

log = logging.getLogger(__name__)


def artifact_places(database: Path, uri: str) -> list[Path]:
    """Return where a run's artifacts may be: in the folder of their `uri`, and after a move beside the file.

    For commands that do without MLflow and do not wait for `relocate_artifacts`.
    """
    path = _path_of(uri)  # of mlruns/EXPERIMENT/RUN/artifacts
    return [path, database.resolve().parent.joinpath("mlruns", *path.parts[-3:])]


def relocate_artifacts(uri: str) -> None:
    """Correct the artifact paths in the sqlite file of `uri` after it was moved with its artifacts.

    MLflow keeps absolute paths, so a moved checkout would lose every model. Only paths that lead nowhere
    are changed, and only to folders that exist. A store of another kind is left alone.

    MLflow is imported by every caller, so this goes through MLflow's own table classes, which fit the
    schema of the installed MLflow.

    Raises TrackingError when the file is not a database of the installed MLflow.
    """
    from darkroom.tracking.schema import check_schema

    check_schema(uri)
    database = sqlite_file(uri)
    if database is None or not database.is_file() or schema_revision(database) is None:
        return
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
        for old in sorted(set(connection.scalars(select(SqlExperiment.artifact_location)))):
            # the folder's name, not the experiment's, which people change
            here = database.resolve().parent / "mlruns" / _path_of(old).name
            new = here.as_uri()
            if not old.startswith("file://") or old == new or not here.is_dir() or _path_of(old).exists():
                continue
            log.info("%s was moved: the artifacts of %s are in %s now", database.name, old, here)
            for column in columns:
                begins = func.substr(column, 1, len(old) + 1) == f"{old}/"
                connection.execute(
                    update(column.class_)
                    .where(or_(column == old, begins))
                    .values({column: new + func.substr(column, len(old) + 1)})
                )


def _path_of(file_uri: str) -> Path:
    return Path(url2pathname(urlsplit(file_uri).path))
