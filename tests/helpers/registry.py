"""For tests of the registry: models and evidence that need no training, registered through the real gate."""

import atexit
import hashlib
import io
import shutil
import tempfile
import zlib
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from mlflow.tracking import MlflowClient
from numpy.typing import NDArray

from darkroom.cli.main import main
from darkroom.config.gate import Gate
from darkroom.files import write_json, write_text
from darkroom.registry import versions
from darkroom.registry.mlflow_store import MlflowStore
from darkroom.registry.registration import Registered, register
from darkroom.registry.sqlite_store import SqliteStore
from darkroom.registry.store import Store, open_store
from darkroom.tracking import lineage, mlflow_tables
from darkroom.tracking.runs import open_run
from tests.helpers.gate import GATE
from tests.helpers.serving import DIGITS, linear_graph

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TEST_SHA256 = "7e57" * 16


def new_store(file: Path) -> str:
    """Create an empty sqlite store; return its URI.

    MLflow takes seconds to create its tables, so they are copied.
    """
    shutil.copyfile(_empty_store(), file)
    return f"sqlite:///{file}"


@cache
def _empty_store() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="darkroom-store-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    MlflowClient(f"sqlite:///{folder / 'mlflow.db'}").search_experiments()
    return folder / "mlflow.db"


def champion_of(uri: str, name: str) -> str | None:
    """Return the number of the champion's version, through MLflow's client."""
    version = versions.find_champion(MlflowClient(uri), name)
    return None if version is None else str(version.version)


def darkroom(uri: str, name: str, *arguments: str, check: bool = True) -> str:
    """Run a command of `darkroom` on a registry, in this process; return what it printed."""
    printed, succeeded = io.StringIO(), True
    with redirect_stdout(printed), redirect_stderr(printed):
        try:
            main(["--uri", uri, "--name", name, *arguments])
        except SystemExit as end:
            succeeded = not end.code
            if isinstance(end.code, str):
                print(end.code)  # as Python does
    text = printed.getvalue()
    assert "Traceback" not in text
    assert succeeded == check, text
    return text


def by_mlflow(uri: str) -> Store:
    """Return the store at `uri` through MLflow's client."""
    return MlflowStore(uri)


def direct(uri: str) -> Store:
    """Return the store at `uri` without MLflow's client, as the fast commands use it."""
    store = open_store(uri)
    assert not isinstance(store, MlflowStore)
    if isinstance(store, SqliteStore):
        revision = mlflow_tables.schema_revision(Path(uri.removeprefix("sqlite:///")))
        assert revision in mlflow_tables.REVISIONS, "REVISIONS lacks that of the installed MLflow"
    return store


def exported(folder: Path, seed: int, classes: Sequence[str] = DIGITS, *, accuracy: float = 0.9) -> Path:
    """Write to `folder` what the export stage writes: another graph for every seed."""
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
    correct: NDArray[np.bool_],
    classes: Sequence[str] = DIGITS,
    *,
    run_id: str = "0" * 32,
    learning_rate: float = 0.1,
) -> list[Path]:
    """Write to `folder` what the register stage adds to the exported model; return the files.

    The labels go through the classes in turn; the prediction is the label where `correct`, otherwise the
    class after it. Every confidence equals the accuracy, so the calibration error is 0 from an accuracy of
    0.5 on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    accuracy, data = float(correct.mean()), _data(classes)
    _predictions(correct, classes).to_parquet(folder / "predictions.parquet", index=False)
    write_json(folder / "metrics.json", {"test": {"accuracy": accuracy, "images": len(correct)}})
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


def _predictions(correct: NDArray[np.bool_], classes: Sequence[str]) -> pd.DataFrame:
    """Return the table that the evaluate stage writes."""
    labels = np.arange(len(correct), dtype=np.int64) % len(classes)
    predicted = np.where(correct, labels, (labels + 1) % len(classes))
    confident = np.clip(correct.mean(), 0.5, 1.0)
    probabilities = np.full(
        (len(correct), len(classes)), (1 - confident) / (len(classes) - 1), dtype=np.float32
    )
    probabilities[np.arange(len(correct)), predicted] = confident
    columns = {f"p_{name}": probabilities[:, number] for number, name in enumerate(classes)}
    return pd.DataFrame({"label": labels, "predicted": predicted, **columns})


def register_model(
    uri: str,
    name: str,
    folder: Path,
    correct: NDArray[np.bool_],
    *,
    seed: int | None = None,
    classes: Sequence[str] = DIGITS,
    test_sha256: str = TEST_SHA256,
    milliseconds: float = 3.0,
    gate: Gate = GATE,
) -> Registered:
    """Register a model as the register stage does, its files in `folder`, in a new run.

    Without `seed` the name of the folder determines the graph: another folder, another graph.
    """
    seed = zlib.crc32(folder.name.encode()) if seed is None else seed
    accuracy = float(correct.mean())
    with open_run(uri, "digits", name="train") as run:
        return register(
            uri,
            name,
            exported=exported(folder / "exported", seed, classes, accuracy=accuracy),
            evidence=evidence(
                folder / "evidence", correct, classes, run_id=run, learning_rate=0.1 + seed % 1000 / 1000
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
            gate=gate,
        )
