"""Which files of a version are among the artifacts of its run."""

from collections.abc import Iterable

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from darkroom.registry.store import evidence_folder


def file_names(client: MlflowClient, version: ModelVersion) -> set[str]:
    """Return the names of a version's files; none where its run, its folder or its tags are gone.

    Raises MlflowException or OSError when that cannot be found out now.
    """
    run_id, sha256 = (version.tags.get(key, "") for key in ("run_id", "sha256"))
    if not run_id or not sha256:
        return set()
    folder = evidence_folder(sha256)
    try:
        return {kept.path.rpartition("/")[2] for kept in client.list_artifacts(run_id, folder)}
    except MlflowException as error:
        # an invalid id: somebody edited the tag
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return set()
        raise


def missing_files(client: MlflowClient, version: ModelVersion, needed: Iterable[str]) -> list[str]:
    """Return which of the `needed` files a version lacks. Raises as `file_names` does."""
    names = file_names(client, version)
    return [name for name in needed if name not in names]
