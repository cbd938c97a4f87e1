"""The pipeline with a head on a backbone's last maps: one to a registered model, the others through train."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from darkroom.files import read_json
from darkroom.models.heads import HEADS
from darkroom.prediction.model import Model
from tests.helpers.backbones import weights_file
from tests.helpers.checkouts import Checkout, new_checkout
from tests.helpers.warm_stages import run_stages, set_params

pytestmark = pytest.mark.ci
BEFORE = ["source", "download", "preprocess", "inspect", "backbone", "tune", "study"]
AFTER = ["train", "folds", "calibrate", "evaluate", "export", "register"]
LABELS = ("blue", "red")
SMALL = (
    *("data.side=64", "model.backbone=efficientnet_lite0", "model.views=2"),
    *("evaluate.resamples=100", "gate.max_calibration_error=1.0", "gate.min_accuracy=0", "tune.trials=0"),
    *("gate.min_class_recall=0", "gate.max_milliseconds=0"),
)


def picture(labels: tuple[str, ...], seed: int) -> Image.Image:
    """Return a grey, noisy image with its right half blue, its left half red, or both."""
    pixels = np.random.default_rng(seed).integers(60, 120, (64, 64, 3), dtype=np.uint8)
    if "red" in labels:
        pixels[:, :32, 0] = 230
    if "blue" in labels:
        pixels[:, 32:, 2] = 230
    return Image.fromarray(pixels)


def made(folder: Path, *, count: int = 64) -> Path:
    folder.mkdir()
    rows = ["file_name,labels"]
    for number in range(count):
        chosen = tuple(name for place, name in enumerate(LABELS) if number >> place & 1)
        picture(chosen, number).save(folder / f"{number:03}.png")
        rows.append(f"{number:03}.png,{'|'.join(chosen)}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkout, str]:
    """Run the stages with the head gcn; return the checkout and what the stages printed."""
    folder = made(tmp_path_factory.mktemp("own") / "halves")
    weights = weights_file(tmp_path_factory.mktemp("weights"))
    checkout = new_checkout(tmp_path_factory.mktemp("checkout") / "checkout")
    checkout.run("darkroom", "data", "use", str(folder), "--labels", "several")
    set_params(checkout.root / "params.yaml", (*SMALL, f"model.weights={weights}", "model.head=gcn"))
    return checkout, run_stages(checkout, BEFORE + AFTER)


def test_a_head_is_trained_exported_and_registered(run: tuple[Checkout, str]) -> None:
    root = run[0].root
    assert read_json(root / "models/model_config.json")["head"] == "gcn"
    assert read_json(root / "reports/metrics.json")["test"]["average_precision"] > 0.8
    curve = pd.read_csv(root / "reports/curve.csv")
    summary = read_json(root / "reports/train.json")
    assert summary["best_epoch"] == curve["epoch"][curve["validation_average_precision"].argmax()]
    assert "strength" not in summary
    model = Model(root / "models/champion")
    table = model.predict([picture(("red",), 900), picture(("blue",), 901), picture(LABELS, 902)])
    thresholds = read_json(root / "models/champion/model.json")["thresholds"]
    for label, threshold in zip(LABELS, thresholds, strict=True):
        assert (table[f"has_{label}"] == (table[f"p_{label}"] >= threshold)).all()
    assert table["p_red"][0] > table["p_red"][1], "one is red, the other blue"


@pytest.mark.slow
@pytest.mark.parametrize(
    "head",
    [name for name in HEADS if name != "gcn"],
)
def test_every_head_goes_through_train(run: tuple[Checkout, str], head: str) -> None:
    root = run[0].root
    set_params(root / "params.yaml", [f"model.head={head}"])
    printed = run_stages(run[0], ["train"])
    assert "validation mAP" in printed
    assert read_json(root / "models/model_config.json")["head"] == head
    assert read_json(root / "reports/train.json")["validation"]["average_precision"] > 0.5
