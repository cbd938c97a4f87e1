"""The versions of a registered model in MLflow: found by number, alias or content, and created."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities.model_registry import ModelVersion as ModelVersion  # callers need not import MLflow
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient as MlflowClient

from darkroom.files import read_json
from darkroom.registry.champion import no_model, no_version
from darkroom.registry.store import CHAMPION, RegistryError
from darkroom.registry.store import evidence_folder as evidence_folder
from darkroom.registry.store_errors import registry_errors
from darkroom.tracking import runs
from darkroom.tracking.mlflow_tables import sqlite_file
from darkroom.tracking.schema import check_schema

log = logging.getLogger(__name__)


def list_versions(client: MlflowClient, name: str) -> list[ModelVersion]:
    """Return all versions of a registered model, the newest first."""
    found = list(client.search_model_versions(f"name='{name}'"))
    return sorted(found, key=lambda version: int(version.version), reverse=True)


def find_version(client: MlflowClient, name: str, sha256: str) -> ModelVersion | None:
    """Return the version whose exported graph has this hash; None where none has."""
    found = list_versions(client, name)
    return next((version for version in found if version.tags.get("sha256") == sha256), None)


def get_version(client: MlflowClient, name: str, which: str) -> ModelVersion:
    """Return a version by its number or by the word `champion`.

    Raises RegistryError, which lists the existing versions.
    """
    if which == CHAMPION:
        champion = find_champion(client, name)
        if champion is None and not list_versions(client, name):
            raise RegistryError(no_model(name))
        if champion is None:
            raise RegistryError(
                f"{name} has no champion: `python -m darkroom promote VERSION --why ...` makes one"
            )
        return champion
    found = list_versions(client, name)
    for version in found:
        if str(version.version) == which:
            return version
    if not found:
        raise RegistryError(no_model(name))
    raise RegistryError(no_version(name, which, [str(version.version) for version in found]))


def find_champion(client: MlflowClient, name: str) -> ModelVersion | None:
    """Return the version that is champion; None where none is."""
    try:
        return client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        # only the message would distinguish an alias that was never set from a model that does not exist
        if error.error_code in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"):
            return None
        raise


def log_evidence(exported: Path, evidence: Sequence[Path]) -> None:
    """Keep the exported model in `exported` and the files of its evidence in the open run."""
    folder = evidence_folder(read_json(exported / "model.json")["sha256"])
    mlflow.log_artifacts(str(exported), folder)
    runs.log_files(*evidence, folder=folder)


def create_version(
    name: str, *, exported: Path, evidence: Sequence[Path], run_id: str, tags: Mapping[str, Any]
) -> ModelVersion:
    """Register the exported model in `exported`, inside its open run, with the files of its evidence."""
    info = read_json(exported / "model.json")
    log_evidence(exported, evidence)
    all_tags = {**tags, "sha256": info["sha256"], "run_id": run_id}
    return mlflow.register_model(
        _log_model(exported, info), name, tags={key: str(value) for key, value in all_tags.items()}
    )


def put_back(
    client: MlflowClient, version: ModelVersion, *, exported: Path, evidence: Sequence[Path], run_id: str
) -> ModelVersion:
    """Keep the files of a registered version in the open run, because those that it had are gone."""
    log.warning(
        "the files of %s version %s were gone in MLflow: run %s has them now",
        version.name,
        version.version,
        run_id,
    )
    log_evidence(exported, evidence)
    client.set_model_version_tag(version.name, version.version, "run_id", run_id)
    return client.get_model_version(version.name, version.version)


def _log_model(exported: Path, info: Mapping[str, Any]) -> str:
    """Log an exported model to the open run as an MLflow model; return its URI."""
    import numpy as np
    import onnx
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    shape = (-1, info["height"], info["width"], info["channels"])
    signature = ModelSignature(
        Schema([TensorSpec(np.dtype(np.uint8), shape)]),  # unnamed: MLflow turns named inputs into a dict
        Schema([TensorSpec(np.dtype(np.float32), (-1, len(info["classes"])))]),
    )
    logged = mlflow.onnx.log_model(
        onnx.load(exported / "model.onnx"),
        name="model",
        signature=signature,
        pip_requirements=[f"{package.__name__}=={package.__version__}" for package in (onnx, np)]
        + ["onnxruntime"],
    )
    return str(logged.model_uri)


def record_bento(uri: str, name: str, version: str, tag: str) -> None:
    """Record with a version the Bento it was packaged in last, where the store has the version.

    Raises RegistryError when the store cannot be used.
    """
    database = sqlite_file(uri)
    if database is not None and not database.exists():
        return  # MLflow would create the file
    with registry_errors(uri):
        check_schema(uri)
        client = MlflowClient(uri)
        if any(str(known.version) == version for known in list_versions(client, name)):
            client.set_model_version_tag(name, version, "bento", tag)
