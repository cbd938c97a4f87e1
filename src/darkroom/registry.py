"""The door to MLflow's model registry: versions looked up by content, and the alias `champion`."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import onnx
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.tracking import MlflowClient
from mlflow.types import Schema, TensorSpec

from darkroom import tracking
from darkroom.files import read_json, write_json

CHAMPION = "champion"
EXPORTED = "exported"  # the folder among a run's artifacts with the graph as it is served


@dataclass(frozen=True)
class Verdict:
    """What registering came to."""

    name: str
    version: str
    champion: str  # version
    promoted: bool
    reason: str


def registered_name(data_name: str) -> str:
    """Return the name of a data set's registered model."""
    return f"darkroom-{data_name}"


@contextmanager
def trained_run(uri: str, experiment: str, run_id: str) -> Iterator[str]:
    """Open again the run that trained a model, and yield its id.

    A store that lacks it (a fresh clone's) gets one run that stands in for it, however often it is
    asked for.
    """
    tags = {}
    known: str | None = run_id
    if not tracking.has_run(uri, run_id):
        tags = {"stage": "train", "stands_in_for": run_id}
        known = _stand_in(MlflowClient(uri), experiment, run_id)
    with tracking.open_run(uri, experiment, name="train", run_id=known, tags=tags) as run:
        yield run


def lacks_training(uri: str, run_id: str) -> bool:
    """Say whether a run has no epochs: it stands in for one that another store saw."""
    return "train_loss" not in MlflowClient(uri).get_run(run_id).data.metrics


def _stand_in(client: MlflowClient, experiment: str, run_id: str) -> str | None:
    known = client.get_experiment_by_name(experiment)
    if known is None:
        return None
    found = client.search_runs([known.experiment_id], f"tags.stands_in_for = '{run_id}'", max_results=1)
    return str(found[0].info.run_id) if found else None


def log_exported(folder: Path, info: Mapping[str, Any]) -> str:
    """Log an exported model to the open run, as files and as an MLflow model; return the model's URI."""
    mlflow.log_artifacts(str(folder), EXPORTED)
    shape = (-1, info["height"], info["width"], info["channels"])
    signature = ModelSignature(
        Schema([TensorSpec(np.dtype(np.uint8), shape)]),  # unnamed: MLflow turns named inputs into a dict
        Schema([TensorSpec(np.dtype(np.float32), (-1, len(info["classes"])))]),
    )
    logged = mlflow.onnx.log_model(
        onnx.load(folder / "model.onnx"),
        name="model",
        signature=signature,
        pip_requirements=[f"{package.__name__}=={package.__version__}" for package in (onnx, np)]
        + ["onnxruntime"],
    )
    return str(logged.model_uri)


def find_version(client: MlflowClient, name: str, sha256: str) -> ModelVersion | None:
    """Return the version whose exported graph has this hash."""
    versions = client.search_model_versions(f"name='{name}'")
    return next((version for version in versions if version.tags.get("sha256") == sha256), None)


def find_champion(client: MlflowClient, name: str) -> ModelVersion | None:
    """Return the version that the alias points to."""
    try:
        return client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        # an alias that was never set and a model that is not there are told apart by the message alone
        if error.error_code in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"):
            return None
        raise


def register(uri: str, name: str, *, folder: Path, run_id: str, tags: Mapping[str, Any]) -> Verdict:
    """Register the exported model in `folder`, inside its open run, and let it challenge the champion.

    A graph that is registered already, by its hash, gets no second version. `tags` must hold
    `test_sha256` and `test_accuracy`.
    """
    client = MlflowClient(uri)
    info = read_json(folder / "model.json")
    version = find_version(client, name, info["sha256"])
    if version is None:
        all_tags = {**tags, "sha256": info["sha256"], "run_id": run_id}
        version = mlflow.register_model(
            log_exported(folder, info), name, tags={key: str(value) for key, value in all_tags.items()}
        )
    champion = find_champion(client, name)
    promoted, reason = challenge(version, champion)
    if promoted:
        client.set_registered_model_alias(name, CHAMPION, version.version)
        champion = version
    assert champion is not None
    return Verdict(name, str(version.version), str(champion.version), promoted, reason)


def challenge(version: ModelVersion, champion: ModelVersion | None) -> tuple[bool, str]:
    """Say whether `version` takes the place of `champion`, and why: more right on the same test pictures."""
    if champion is None:
        return True, "there was no champion"
    if champion.version == version.version:
        return False, "it is the champion"
    if champion.tags.get("test_sha256") != version.tags["test_sha256"]:
        return False, (
            f"version {champion.version} was tested on other pictures, so the two cannot be compared; "
            "give the alias by hand in MLflow's page if you mean to"
        )
    accuracy, to_beat = float(version.tags["test_accuracy"]), float(champion.tags["test_accuracy"])
    comparison = f"test accuracy {accuracy:.4f} against {to_beat:.4f} of version {champion.version}"
    return accuracy > to_beat, comparison


def write_champion(uri: str, name: str, folder: Path) -> dict[str, Any]:
    """Write the champion's graph and description to `folder`; return the description.

    Raises ValueError when there is no champion or its files are gone.
    """
    client = MlflowClient(uri)
    champion = find_champion(client, name)
    if champion is None:
        raise ValueError(f"{name} has no champion in {uri}: run `dvc repro -f register`")
    run_id = champion.tags["run_id"]
    try:
        downloaded = mlflow.artifacts.download_artifacts(
            run_id=run_id, artifact_path=EXPORTED, tracking_uri=uri, dst_path=None
        )
    except (MlflowException, OSError) as error:
        raise ValueError(
            f"the files of {name} version {champion.version} are not in the artifacts of run {run_id} "
            f"({error}): give the alias champion to another version in MLflow's page"
        ) from error
    info: dict[str, Any] = read_json(Path(downloaded) / "model.json")
    info |= {"version": str(champion.version), "run_id": run_id}
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copyfile(Path(downloaded) / "model.onnx", folder / "model.onnx")
    write_json(folder / "model.json", info)
    return info
