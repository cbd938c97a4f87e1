"""The door to MLflow's model registry: versions by content, and the files that tell of each.

A version's evidence lies among the artifacts of the run that trained it, in a folder of its own: the
graph as it is served, its answers to the test images, the card, and what the model came from. Who is
champion is decided in `champion`.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities.model_registry import ModelVersion as ModelVersion  # for those who call this module
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient as MlflowClient

from darkroom.files import read_json, write_json
from darkroom.registry.champion import CHAMPION, Model, RegistryError, no_version, without_secrets
from darkroom.tracking import runs

PREDICTIONS = "predictions.parquet"
MOST_TOLD = 1000  # characters of what MLflow says


class EvidenceGoneError(RegistryError):
    """A version's files are not there any more; that they cannot be read now is a plain RegistryError."""


@contextmanager
def plain_errors(uri: str) -> Iterator[None]:
    """Turn what MLflow raises of a store that is broken or does not answer into a RegistryError."""
    try:
        yield
    except (MlflowException, sqlite3.Error) as error:
        raise RegistryError(
            f"the registry at {without_secrets(uri)} does not answer as it should: {_line(error)}"
        ) from error


class MlflowStore:
    """The store of `champion` by MLflow's client, whatever keeps the registry."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def read(self, name: str) -> Model | None:
        """Return a registered model; None where there is none of this name."""
        try:
            model = self._client.get_registered_model(name)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        champion = model.aliases.get(CHAMPION)
        return Model(tags=dict(model.tags), champion=None if champion is None else str(champion))

    def versions(self, name: str) -> list[str]:
        """Return the numbers of a model's versions that are not deleted."""
        return [str(version.version) for version in versions(self._client, name)]

    def tag(self, name: str, key: str, value: str) -> None:
        """Give a registered model a tag."""
        self._client.set_registered_model_tag(name, key, value)

    def point(self, name: str, version: str) -> None:
        """Point the alias to a version."""
        self._client.set_registered_model_alias(name, CHAMPION, version)

    def create(self, name: str, tags: dict[str, str]) -> bool:
        """Make a registered model; return whether it was made."""
        try:
            self._client.create_registered_model(name, tags=tags)
        except MlflowException as error:
            # "does not exist": deleted while MLflow looked at it
            if error.error_code in ("RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST"):
                return False
            raise
        return True

    def delete(self, name: str) -> None:
        """Delete a registered model without versions, if it is there."""
        try:
            self._client.delete_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":  # deleted by a request that MLflow repeated
                raise


def evidence_folder(sha256: str) -> str:
    """Return the folder of a version among its run's artifacts, by its graph's hash."""
    return f"versions/{sha256[:12]}"


def versions(client: MlflowClient, name: str) -> list[ModelVersion]:
    """Return all versions of a registered model, the newest first."""
    found = list(client.search_model_versions(f"name='{name}'"))
    return sorted(found, key=lambda version: int(version.version), reverse=True)


def find_version(client: MlflowClient, name: str, sha256: str) -> ModelVersion | None:
    """Return the version whose exported graph has this hash."""
    return next((version for version in versions(client, name) if version.tags.get("sha256") == sha256), None)


def get_version(client: MlflowClient, name: str, which: str) -> ModelVersion:
    """Return a version by its number, or `champion`.

    Raises RegistryError that tells which there are.
    """
    if which == CHAMPION:
        champion = find_champion(client, name)
        if champion is None:
            raise RegistryError(
                f"{name} has no champion: `python -m darkroom promote VERSION --why ...` makes one"
            )
        return champion
    found = versions(client, name)
    for version in found:
        if str(version.version) == which:
            return version
    raise RegistryError(no_version(name, which, [str(version.version) for version in found]))


def find_champion(client: MlflowClient, name: str) -> ModelVersion | None:
    """Return the version that the alias points to."""
    try:
        return client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        # an alias that was never set and a model that is not there are told apart by the message alone
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


@contextmanager
def evidence_of(uri: str, version: ModelVersion) -> Iterator[Path]:
    """Give a folder with a version's evidence, for the time of the block.

    Raises:
        EvidenceGoneError: its files are not there.
        RegistryError: they cannot be read now.
    """
    run_id, folder = version.tags.get("run_id", ""), evidence_folder(version.tags.get("sha256", ""))
    what = f"the files of {version.name} version {version.version}"
    with tempfile.TemporaryDirectory() as scratch:
        try:
            # looked up first: of what is not there and of what cannot be read MLflow's download says the same
            if not run_id or not _is_kept(MlflowClient(uri), run_id, f"{folder}/model.json"):
                raise EvidenceGoneError(
                    f"{what} are not in the artifacts of run {run_id or '(none)'} ({folder}/model.json)"
                )
            place = mlflow.artifacts.download_artifacts(
                run_id=run_id, artifact_path=folder, tracking_uri=uri, dst_path=scratch
            )
        except (MlflowException, OSError) as error:
            raise RegistryError(f"{what} cannot be read now: {_line(error)}") from error
        yield Path(place)


def _is_kept(client: MlflowClient, run_id: str, file: str) -> bool:
    """Say whether a run is there and has this file among its artifacts."""
    try:
        return any(kept.path == file for kept in client.list_artifacts(run_id, file.rpartition("/")[0]))
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise


def write_champion(uri: str, name: str, folder: Path) -> dict[str, Any]:
    """Write the champion's graph, description, card and reference to `folder`; return the description.

    Raises RegistryError when there is no champion or its files are gone.
    """
    client = MlflowClient(uri)
    champion = find_champion(client, name)
    if champion is None:
        raise RegistryError(
            f"{name} has no champion in {uri}: make a version champion with "
            "`python -m darkroom promote VERSION --why ...`"
        )
    with evidence_of(uri, champion) as evidence:
        info: dict[str, Any] = read_json(evidence / "model.json")
        info |= {"version": str(champion.version), "run_id": champion.tags["run_id"]}
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in ("model.onnx", "card.html"):
            shutil.copyfile(evidence / file, folder / file)
        if (evidence / "reference.json").is_file():  # versions from before there were references have none
            shutil.copyfile(evidence / "reference.json", folder / "reference.json")
        write_json(folder / "model.json", info)
    return info


def note_bento(uri: str, name: str, version: str, tag: str) -> None:
    """Write down with a version in which Bento it was packaged last; a store without it is left alone."""
    client = MlflowClient(uri)
    if any(str(known.version) == version for known in versions(client, name)):
        client.set_model_version_tag(name, version, "bento", tag)


def _line(error: Exception) -> str:
    """Return the first line of an error's message: MLflow repeats whole answers of a server."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return without_secrets(line)[:MOST_TOLD]
