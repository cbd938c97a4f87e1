"""The pipeline on images with several labels: from a table to a registered model, trained from scratch."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from darkroom.files import read_json
from darkroom.prediction.model import Model
from tests.helpers.checkouts import Checkout, new_checkout
from tests.helpers.warm_stages import run_stages, set_params

pytestmark = pytest.mark.ci
STAGES = [
    *("source", "download", "preprocess", "inspect", "tune", "study", "train", "folds"),
    *("calibrate", "evaluate", "export", "register"),
]
LABELS = ("blue", "green", "red")
COUNT = 260  # images, of which 50 and more validate: with fewer no structure over labels is fitted
SMALL = (
    *(
        "data.side=16",
        "data.validation_fraction=0.3",
        "train.epochs=8",
        "train.patience=8",
        "train.low_resolutions=[]",
        "train.batch_size=20",
    ),
    *("model.widths=[16,32,32]", "model.convolutions=2", "model.views=2", "model.structure=label_sets"),
    *("tune.trials=2", "tune.epochs=2", "tune.min_epochs=1", "tune.resolution=0"),
    "tune.space={train: {label_smoothing: {choices: [0.0, 0.1]}}}",
    "data.validation_fraction=0.25",
    "evaluate.resamples=100",
    "gate.max_calibration_error=1.0",
)


def mosaic(labels: tuple[str, ...], seed: int) -> Image.Image:
    """Return a grey, noisy image with a patch of each colour somewhere."""
    random = np.random.default_rng(seed)
    pixels = random.integers(60, 120, (16, 16, 3), dtype=np.uint8)
    corners = random.permutation(4)
    for place, name in zip(corners, labels, strict=False):
        y, x = 8 * (place // 2), 8 * (place % 2)
        pixels[y : y + 7, x : x + 7] = 0
        pixels[y : y + 7, x : x + 7, {"red": 0, "green": 1, "blue": 2}[name]] = 220
    return Image.fromarray(pixels)


def made(folder: Path, *, count: int = COUNT) -> Path:
    """Write images of no colour, one, or more, and a table; red and green seldom go together."""
    random = np.random.default_rng(0)
    folder.mkdir()
    rows = ["file_name,labels"]
    for number in range(count):
        chosen = [name for name in LABELS if random.random() < 0.45]
        if {"red", "green"} <= set(chosen) and random.random() < 0.8:
            chosen.remove("green")
        mosaic(tuple(chosen), number).save(folder / f"{number:03}.png")
        rows.append(f"{number:03}.png,{'|'.join(chosen)}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkout, str]:
    """Run the stages; return the checkout and what the stages printed."""
    folder = made(tmp_path_factory.mktemp("own") / "mosaics")
    checkout = new_checkout(tmp_path_factory.mktemp("checkout") / "checkout")
    used = checkout.run("darkroom", "data", "use", str(folder)).stdout
    assert "of 3 labels, of which an image may have several" in used
    set_params(checkout.root / "params.yaml", SMALL)
    return checkout, run_stages(checkout, STAGES)


def test_trials_are_compared_by_mean_average_precision(run: tuple[Checkout, str]) -> None:
    root = run[0].root
    found = read_json(root / "reports/tune.json")
    assert found["trials"] == 2
    trials = pd.read_csv(root / "reports/trials.csv")
    complete = trials[trials["state"] == "complete"]["validation_accuracy"]
    assert found["best_validation_average_precision"] == pytest.approx(complete.max())
    chosen = read_json(root / "models/tuned.json")["train"]["label_smoothing"]
    assert chosen in (0.0, 0.1)
    assert "validation average precision with" in run[1]


def test_the_labels_are_learned_and_reported(run: tuple[Checkout, str]) -> None:
    root = run[0].root
    test = read_json(root / "reports/metrics.json")["test"]
    assert test["average_precision"] > 0.8
    assert test["average_precision_low"] <= test["average_precision"] <= test["average_precision_high"]
    card = (root / "reports/model_card.md").read_text(encoding="utf-8")
    assert "Mean average precision (mAP)" in card
    assert "no image is said to belong" not in card
    table = pd.read_csv(root / "reports/per_class.csv")
    assert table["class"].tolist() == list(LABELS)
    page = (root / "reports/data.html").read_text(encoding="utf-8")
    assert "Labels together" in page


def test_images_without_any_label_are_used_and_counted(run: tuple[Checkout, str]) -> None:
    root = run[0].root
    assert read_json(root / "reports/data.json")["splits"]["train"]["without_labels"] > 0
    assert read_json(root / "data/meta.json")["labels"] == "several"
    assert sum(read_json(root / "data/meta.json")[part] for part in ("train", "validation", "test")) == COUNT


def test_the_champion_decides_by_its_thresholds(run: tuple[Checkout, str]) -> None:
    root = run[0].root
    about = read_json(root / "models/champion/model.json")
    assert about["labels"] == "several"
    assert len(about["thresholds"]) == 3
    model = Model(root / "models/champion")
    images = [
        mosaic(labels, 9000 + number) for number, labels in enumerate([("red",), ("blue", "green"), ()] * 4)
    ]
    table = model.predict(images)
    wanted = [["red"], ["blue", "green"], []] * 4
    right = sum(json.loads(found) == names for found, names in zip(table["labels"], wanted, strict=True))
    assert right >= 8
    assert (table["has_red"] == (table["p_red"] >= about["thresholds"][2])).all()


def test_drift_is_measured_against_the_validation_images(run: tuple[Checkout, str]) -> None:
    root = run[0].root
    watched = read_json(root / "models/champion/reference.json")["labels"]
    assert watched["given_from"] == read_json(root / "models/calibration.json")["thresholds"]
    assert "label_mix" in run[1]


def test_the_structure_is_fitted_to_what_goes_together_and_is_told(run: tuple[Checkout, str]) -> None:
    structure = read_json(run[0].root / "models/calibration.json")["structure"]
    assert structure["name"] == "label_sets"
    assert "structure label_sets, strength" in run[1]
    together = [seen for seen in structure["fitted"]["sets"] if seen[1] and seen[2]]  # green and red
    assert len(structure["fitted"]["sets"]) > 2 * len(together)
    parity = read_json(run[0].root / "reports/parity.json")
    assert parity["worst_difference"] <= parity["tolerance"]


def test_the_gate_says_by_what_it_judged(run: tuple[Checkout, str]) -> None:
    verdict = read_json(run[0].root / "reports/registered.json")["verdict"]
    assert verdict["promoted"]
    assert "test mAP" in verdict["words"]
