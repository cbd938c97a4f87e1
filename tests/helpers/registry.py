"""For tests of the registry: models and their evidence that need no training, entered by the real gate."""

import hashlib
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from darkroom.config.gate import Gate
from darkroom.files import write_json, write_text
from darkroom.registry import versions
from darkroom.registry.champion import Store
from darkroom.registry.comparison import Registered, register
from darkroom.registry.sqlite_store import open_store
from darkroom.tracking import lineage
from darkroom.tracking.runs import open_run
from tests.helpers.serving import DIGITS, linear_graph

RULES = Gate(
    significance=0.05, min_accuracy=0.5, min_class_recall=0.2, max_calibration_error=0.1, max_milliseconds=50
)
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TEST_SHA256 = "7e57" * 16


def by_mlflow(uri: str) -> Store:
    """Return the store at `uri` as MLflow's client sees it."""
    return versions.MlflowStore(versions.MlflowClient(uri))


def quick(uri: str) -> Store:
    """Return the store at `uri` as the commands that are fast see it."""
    store = open_store(uri)
    assert store is not None, "stores.SCHEMAS lacks the schema of the installed MLflow"
    return store


def right_but(start: int = 0, stop: int = 0, *, images: int = 1000) -> NDArray[np.bool_]:
    """Return the answers to `images` test images, all right but those from `start` to `stop`."""
    answers = np.ones(images, dtype=bool)
    answers[start:stop] = False
    return answers


def exported(folder: Path, seed: int, classes: Sequence[str] = DIGITS, *, accuracy: float = 0.9) -> Path:
    """Write to `folder` what the export stage does: another graph for every seed."""
    content = linear_graph(8, 8, 1, len(classes), seed=seed).SerializeToString()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(content)
    write_text(folder / "card.html", f"<!doctype html><title>Model card {seed}</title>\n")
    about = {
        "name": "digits",
        "classes": list(classes),
        "height": 8,
        "width": 8,
        "channels": 1,
        "architecture": "fast",
        "views": 1,
        "temperature": 1.0,
        "confident_from": 0.5,
        "sha256": hashlib.sha256(content).hexdigest(),
        "parameters": 64 * len(classes),
        "test": {"accuracy": accuracy, "interval": [accuracy, accuracy], "images": 1000},
    }
    write_json(folder / "model.json", about)
    return folder


def evidence(
    folder: Path,
    right: NDArray[np.bool_],
    classes: Sequence[str] = DIGITS,
    *,
    run_id: str = "0" * 32,
    learning_rate: float = 0.1,
) -> list[Path]:
    """Write to `folder` what the register stage adds to the exported model; return the files.

    The labels go through the classes in turn; the answer is the label where `right`, else the class after
    it. Every answer is as confident as `right` is right, so the calibration error is 0 from an accuracy of
    0.5 on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    accuracy, data = float(right.mean()), _data(classes)
    _predictions(right, classes).to_parquet(folder / "predictions.parquet", index=False)
    write_json(folder / "metrics.json", {"test": {"accuracy": accuracy, "images": len(right)}})
    write_json(folder / "data.json", data)
    write_json(folder / "tuned.json", {"train": {"learning_rate": learning_rate}})
    write_text(folder / "model_card.md", f"# Model card: digits\n\nTest accuracy {accuracy:.2%}.\n")
    write_text(folder / "params.yaml", yaml.safe_dump({"seed": 0, "train": {"learning_rate": 0.1}}))
    write_text(folder / "uncommitted.diff", "")
    write_json(
        folder / "lineage.json",
        {
            "commit": COMMIT,
            "uncommitted_changes": False,
            "data": {"name": "digits", "source": data["source"], "sha256": data["sha256"]},
            "classes": list(classes),
            "parameters": {"seed": 0, "train": {"learning_rate": learning_rate, "epochs": 3}},
            "tuned": {"train": {"learning_rate": learning_rate}},
            "study": "none",
            "run": run_id,
            "device": "cpu",
            "weights_sha256": "3e" * 32,
            "environment": lineage.environment(),
        },
    )
    return sorted(path for path in folder.iterdir() if path.is_file())


def _data(classes: Sequence[str]) -> dict[str, object]:
    return {
        "source": {"data": "digits", "source": "scikit-learn", "official": True},
        "sha256": {"train": "7a" * 32, "validation": "7b" * 32, "test": TEST_SHA256},
        "classes": list(classes),
    }


def _predictions(right: NDArray[np.bool_], classes: Sequence[str]) -> pd.DataFrame:
    """Return the table that the evaluate stage writes."""
    labels = np.arange(len(right), dtype=np.int64) % len(classes)
    predicted = np.where(right, labels, (labels + 1) % len(classes))
    confident = np.clip(right.mean(), 0.5, 1.0)
    probabilities = np.full(
        (len(right), len(classes)), (1 - confident) / (len(classes) - 1), dtype=np.float32
    )
    probabilities[np.arange(len(right)), predicted] = confident
    columns = {f"p_{name}": probabilities[:, number] for number, name in enumerate(classes)}
    return pd.DataFrame({"label": labels, "predicted": predicted, **columns})


def enter(
    uri: str,
    name: str,
    folder: Path,
    right: NDArray[np.bool_],
    *,
    seed: int | None = None,
    classes: Sequence[str] = DIGITS,
    test_sha256: str = TEST_SHA256,
    milliseconds: float = 3.0,
    rules: Gate = RULES,
) -> Registered:
    """Register a model as the register stage does, its files in `folder`, in a new run.

    Without `seed` the folder's name decides on the graph: another folder, another graph.
    """
    seed = zlib.crc32(folder.name.encode()) if seed is None else seed
    accuracy = float(right.mean())
    with open_run(uri, "digits", name="train") as run:
        return register(
            uri,
            name,
            exported=exported(folder / "exported", seed, classes, accuracy=accuracy),
            evidence=evidence(
                folder / "evidence", right, classes, run_id=run, learning_rate=0.1 + seed % 1000 / 1000
            ),
            run_id=run,
            tags={
                "test_accuracy": accuracy,
                "test_accuracy_low": accuracy - 0.02,
                "test_accuracy_high": accuracy + 0.01,
                "test_sha256": test_sha256,
                "train_sha256": "7a" * 32,
                "data_source": "scikit-learn",
                "commit": COMMIT,
                "uncommitted_changes": False,
                "study": "none",
                "trained_run": run,
                "milliseconds": milliseconds,
            },
            rules=rules,
        )
