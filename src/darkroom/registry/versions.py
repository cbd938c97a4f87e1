"""The versions of a registered model in MLflow: found by number, alias or content, and created."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities.model_registry import ModelVersion as ModelVersion  # callers need not import MLflow
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient as MlflowClient

from darkroom.files import read_json
from darkroom.registry.champion import no_version
from darkroom.registry.store import CHAMPION, RegistryError
from darkroom.tracking import runs


def evidence_folder(sha256: str) -> str:
    """Return a version's folder among the artifacts of its run, from the hash of its graph.

    >>> evidence_folder("0123456789abcdef")
    'versions/0123456789ab'
    """
    return f"versions/{sha256[:12]}"


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
        if champion is None:
            raise RegistryError(
                f"{name} has no champion: `python -m darkroom promote VERSION --why ...` makes one"
            )
        return champion
    found = list_versions(client, name)
    for version in found:
        if str(version.version) == which:
            return version
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


def create_version(
    name: str, *, exported: Path, evidence: Sequence[Path], run_id: str, tags: Mapping[str, Any]
) -> ModelVersion:
    """Register the exported model in `exported`, inside its open run, with the files of its evidence."""
    info = read_json(exported / "model.json")
    folder = evidence_folder(info["sha256"])
    mlflow.log_artifacts(str(exported), folder)
    runs.log_files(*evidence, folder=folder)
    all_tags = {**tags, "sha256": info["sha256"], "run_id": run_id}
    return mlflow.register_model(
        _log_model(exported, info), name, tags={key: str(value) for key, value in all_tags.items()}
    )


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
    """Record with a version the Bento it was packaged in last, where the store has the version."""
    client = MlflowClient(uri)
    if any(str(known.version) == version for known in list_versions(client, name)):
        client.set_model_version_tag(name, version, "bento", tag)
