"""The evidence of a version: the files that belong to it, read back from MLflow.

They are artifacts of the run that trained the version, in a folder of their own: the graph as it is
served, the predictions on the test images, the model card, and what the model was made from.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException

from darkroom.evaluation.calibration import calibration_error
from darkroom.files import read_json
from darkroom.registry.candidate import Candidate
from darkroom.registry.mlflow_store import first_line
from darkroom.registry.store import RegistryError
from darkroom.registry.versions import MlflowClient, ModelVersion, evidence_folder

PREDICTIONS = "predictions.parquet"


class EvidenceGoneError(RegistryError):
    """A version's files do not exist any more. Files that cannot be read now raise a plain RegistryError."""


@contextmanager
def evidence_of(uri: str, version: ModelVersion) -> Iterator[Path]:
    """Give a folder with a version's evidence for the time of the block.

    Raises:
        EvidenceGoneError: its files do not exist.
        RegistryError: they cannot be read now.
    """
    run_id, folder = version.tags.get("run_id", ""), evidence_folder(version.tags.get("sha256", ""))
    what = f"the files of {version.name} version {version.version}"
    with tempfile.TemporaryDirectory() as scratch:
        try:
            # checked first: MLflow's download reports missing files and an unreachable store alike
            if not run_id or not _exists(MlflowClient(uri), run_id, f"{folder}/model.json"):
                raise EvidenceGoneError(
                    f"{what} are not in the artifacts of run {run_id or '(none)'} ({folder}/model.json)"
                )
            place = mlflow.artifacts.download_artifacts(
                run_id=run_id, artifact_path=folder, tracking_uri=uri, dst_path=scratch
            )
        except (MlflowException, OSError) as error:
            raise RegistryError(f"{what} cannot be read now: {first_line(error)}") from error
        yield Path(place)


def read_candidate(uri: str, version: ModelVersion) -> Candidate:
    """Return a version's predictions on its test images as they were kept; nothing is predicted again.

    Raises:
        EvidenceGoneError: they do not exist any more.
        RegistryError: they cannot be read now.
    """
    with evidence_of(uri, version) as folder:
        if not (folder / PREDICTIONS).is_file():
            raise EvidenceGoneError(
                f"the test predictions of {version.name} version {version.version} are gone"
            )
        table = pd.read_parquet(folder / PREDICTIONS)
        classes = tuple(read_json(folder / "model.json")["classes"])
    labels, predictions = (table[name].to_numpy(np.int64) for name in ("label", "predicted"))
    confidence = table[[f"p_{name}" for name in classes]].to_numpy().max(axis=1)
    milliseconds = version.tags.get("milliseconds")
    return Candidate(
        version=str(version.version),
        test_sha256=version.tags.get("test_sha256", ""),
        classes=classes,
        labels=labels,
        predictions=predictions,
        calibration_error=calibration_error(confidence, labels == predictions),
        milliseconds=float(milliseconds) if milliseconds else None,
    )


def _exists(client: MlflowClient, run_id: str, file: str) -> bool:
    """Return whether a run exists and has this file among its artifacts."""
    try:
        return any(kept.path == file for kept in client.list_artifacts(run_id, file.rpartition("/")[0]))
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise
