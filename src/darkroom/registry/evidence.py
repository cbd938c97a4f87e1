"""The evidence of a version: the files that belong to it, read back from MLflow.

They are artifacts of the run that trained the version, in a folder of their own: the graph as it is
served, the predictions on the test images, the model card, and what the model was made from.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from numpy.typing import NDArray

from darkroom.evaluation.calibration import calibration_error
from darkroom.evaluation.multilabel.calibration import label_calibration_error
from darkroom.files import read_json, sha256_file
from darkroom.registry.candidate import Candidate
from darkroom.registry.store import PUT_BACK, SERVED, RegistryError, evidence_folder
from darkroom.registry.version_files import missing_files
from darkroom.registry.versions import MlflowClient, ModelVersion
from darkroom.tracking.store_errors import first_line

PREDICTIONS = "predictions.parquet"
# what is read of a version again: when it is served, compared and reproduced
KEPT = (*SERVED, PREDICTIONS, "metrics.json", "tuned.json", "lineage.json", "uncommitted.diff")


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
            if missing := missing_files(MlflowClient(uri), version, SERVED):
                raise EvidenceGoneError(
                    f"{what} are not in the artifacts of run {run_id or '(none)'} ({folder}/{missing[0]}); "
                    f"{PUT_BACK}"
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
        found = _read_predictions(folder, version)
    if found.probabilities is None:
        error = calibration_error(found.confidence, found.labels == found.predictions)
    else:
        error = label_calibration_error(found.probabilities, found.labels)
    return Candidate(
        version=str(version.version),
        test_sha256=version.tags.get("test_sha256", ""),
        classes=found.classes,
        labels=found.labels,
        predictions=found.predictions,
        calibration_error=error,
        milliseconds=_number(version.tags.get("milliseconds", "")),
        probabilities=found.probabilities,
    )


def check_evidence(folder: Path, version: ModelVersion) -> None:
    """Check that a version's files, in `folder`, are all there and whole.

    Raises EvidenceGoneError, which names one that is not.
    """
    for name in KEPT:
        if not (folder / name).is_file():
            raise EvidenceGoneError(f"{name} is missing among the version's files; {PUT_BACK}")
    for name in KEPT:
        if name.endswith(".json"):
            read_part(folder, name)
    check_graph(folder, version)
    _read_predictions(folder, version)


def check_graph(folder: Path, version: ModelVersion) -> None:
    """Check that the graph in `folder` is the version's; raises EvidenceGoneError where it is damaged."""
    if sha256_file(folder / "model.onnx") != version.tags["sha256"]:
        raise EvidenceGoneError(
            f"model.onnx of {version.name} version {version.version} is damaged: its hash is not the "
            f"version's; {PUT_BACK}"
        )


def read_part(folder: Path, name: str) -> Any:
    """Return the content of a JSON file in a version's evidence.

    Raises EvidenceGoneError when the file is missing or damaged.
    """
    try:
        return read_json(folder / name)
    except (OSError, ValueError) as error:
        state = "damaged" if (folder / name).is_file() else "missing"
        raise EvidenceGoneError(
            f"{name} is {state} among the version's files ({first_line(error)}); {PUT_BACK}"
        ) from error


@dataclass(frozen=True)
class _Predictions:
    """The predictions on the test images, as in `Candidate`; `confidence` is of the predicted class, [N]."""

    classes: tuple[str, ...]
    labels: NDArray[Any]
    predictions: NDArray[Any]
    confidence: NDArray[np.float32]
    probabilities: NDArray[np.float32] | None = None


def _read_predictions(folder: Path, version: ModelVersion) -> _Predictions:
    """Return the classes, and of each test image the label, the prediction and its probability."""
    what = f"the test predictions of {version.name} version {version.version}"
    if not (folder / PREDICTIONS).is_file():
        raise EvidenceGoneError(f"{what} are gone; {PUT_BACK}")
    try:
        table = pd.read_parquet(folder / PREDICTIONS)
        about = read_json(folder / "model.json")
        classes = tuple(about["classes"])
        if about.get("labels") == "several":
            given, p, decided = (
                table[[f"{kind}_{name}" for name in classes]].to_numpy() for kind in ("y", "p", "d")
            )
            return _Predictions(classes, given.astype(np.int8), decided.astype(bool), p.max(axis=1), p)
        labels, predictions = (table[name].to_numpy(np.int64) for name in ("label", "predicted"))
        confidence = table[[f"p_{name}" for name in classes]].to_numpy().max(axis=1)
    except (ValueError, KeyError, OSError) as error:  # pyarrow's are of these kinds
        raise EvidenceGoneError(f"{what} are damaged ({first_line(error)}); {PUT_BACK}") from error
    return _Predictions(classes, labels, predictions, confidence)


def _number(text: str) -> float | None:
    """Return the number in a tag; None where it is missing or somebody edited it into something else."""
    try:
        return float(text)
    except ValueError:
        return None
