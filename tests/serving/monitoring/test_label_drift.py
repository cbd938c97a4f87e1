"""Drift of several labels: how often each is given, and which are given together."""

import functools
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from darkroom.files import write_json
from darkroom.serving.monitoring.drift_score import MIN_IMAGES, WINDOW
from darkroom.serving.monitoring.log_line import ServedRequest, log_line
from darkroom.serving.monitoring.reference import Reference
from darkroom.serving.monitoring.reference_building import build_reference
from darkroom.serving.monitoring.reference_file import read_reference, reference_to_json
from darkroom.serving.prediction.engine import File
from darkroom.serving.prediction.model import Classifier
from darkroom.serving.prediction.runtime import Prediction
from tests.helpers.prediction import colour_model

LABELS = ("car", "lake", "road", "tree")
GIVEN_FROM = (0.5, 0.4, 0.5, 0.6)
FREQUENCY = 0.4
PIXELS = np.random.default_rng(7).integers(0, 256, (800, 4, 4, 3), dtype=np.uint8)


def predicted(count: int, *, seed: int, together: float, rare: float = 1.0) -> Prediction:
    """Return predictions of labels that `FREQUENCY` of the images have, a car times `rare`.

    A car is beside a road in a share `together` of the images, whatever their frequencies.
    """
    random = np.random.default_rng(seed)
    kind = random.random(count)
    only = FREQUENCY - together
    car = (kind < together + only) & (random.random(count) < rare)
    road = (kind < together) | ((kind >= together + only) & (kind < together + 2 * only))
    given = np.stack([car, random.random(count) < FREQUENCY, road, random.random(count) < FREQUENCY], axis=1)
    offset = np.where(given, 0.2, -0.2) + random.uniform(-0.1, 0.1, given.shape)
    return Prediction((np.array(GIVEN_FROM) + offset).astype(np.float32))


@functools.cache
def reference() -> Reference:
    """Return the reference of images in which a car and a road do not depend on each other."""
    prediction = predicted(len(PIXELS), seed=0, together=FREQUENCY**2)
    return build_reference(PIXELS, prediction, classes=LABELS, sha256="0" * 64, given_from=GIVEN_FROM)


def scores(prediction: Prediction) -> dict[str, float]:
    """Return the scores of images like those of the reference, with another prediction."""
    count = len(prediction.probabilities)
    return reference().scores(reference().describe(PIXELS[:count], prediction))


@pytest.mark.integration  # takes seconds
def test_labels_as_frequent_and_as_independent_as_before_are_no_drift() -> None:
    for seed in range(1, 21):
        found = scores(predicted(WINDOW, seed=seed, together=FREQUENCY**2))
        assert max(found["label_mix"], found["label_pairs"]) < 1
    assert "class_mix" not in found


@pytest.mark.parametrize("together", [0.02, 0.38])
def test_labels_that_go_together_more_or_less_than_before_are_drift_of_pairs_alone(together: float) -> None:
    found = scores(predicted(WINDOW, seed=1, together=together))
    assert found["label_pairs"] >= 1
    assert found["label_mix"] < 1


def test_a_label_that_becomes_rare_is_drift_of_the_mix() -> None:
    found = scores(predicted(WINDOW, seed=1, together=FREQUENCY**2, rare=0.3))
    assert found["label_mix"] >= 1
    assert found["label_mix"] > found["label_pairs"]


def test_the_shares_are_those_of_the_given_labels() -> None:
    prediction = predicted(len(PIXELS), seed=0, together=FREQUENCY**2)
    given: NDArray[np.bool_] = prediction.probabilities >= np.array(GIVEN_FROM)
    np.testing.assert_allclose(reference().class_shares, given.mean(axis=0), atol=1e-6)
    rows = reference().describe(PIXELS, prediction)
    assert rows.shape == (len(PIXELS), reference().columns)
    np.testing.assert_allclose(reference().recent_shares(rows), given.mean(axis=0), atol=1e-6)
    labels = reference().labels
    assert labels is not None
    pairs = dict(zip(map(tuple, labels.pairs.tolist()), labels.together, strict=True))
    assert pairs[0, 2] == pytest.approx((given[:, 0] & given[:, 2]).mean())


def test_a_label_that_no_image_is_given_is_no_error() -> None:
    quiet = Prediction(np.full((len(PIXELS), 4), 0.1, dtype=np.float32))
    made = build_reference(PIXELS, quiet, classes=LABELS, sha256="0" * 64, given_from=GIVEN_FROM)
    assert "label_pairs" not in made.statistics
    found = made.scores(made.describe(PIXELS[:MIN_IMAGES], quiet.part(0, MIN_IMAGES)))
    assert np.isfinite(list(found.values())).all()


def test_a_reference_is_read_back_with_its_labels(tmp_path: Path) -> None:
    write_json(tmp_path / "reference.json", reference_to_json(reference()))
    again = read_reference(tmp_path / "reference.json")
    prediction = predicted(MIN_IMAGES, seed=3, together=0.3)
    rows = again.describe(PIXELS[:MIN_IMAGES], prediction)
    assert again.scores(rows) == pytest.approx(scores(prediction), abs=1e-3)


def test_rows_of_the_log_are_those_of_the_monitor(tmp_path: Path) -> None:
    folder = colour_model(tmp_path, classes=("blue", "red", "green"), confident=None)
    about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    write_json(
        folder / "model.json", about | {"labels": "several", "thresholds": [0.0, 0.3, 0.9], "version": "1"}
    )
    classifier = Classifier(folder, threads=1)
    pixels = np.random.default_rng(1).integers(0, 256, (60, *classifier.shape), dtype=np.uint8)
    prediction = classifier.explain(pixels)
    made = build_reference(
        pixels, prediction, classes=classifier.classes, sha256="0" * 64, given_from=[0.0, 0.3, 0.9]
    )
    rows = made.describe(pixels, prediction)
    request = ServedRequest(0.0, "/predict", pixels, prediction, [File("PNG", 1, 1, 1)] * len(pixels))
    statistics = rows[:, 1:]
    named = dict(zip(made.features, statistics.T, strict=False))
    order = ("brightness", "contrast", "saturation", "warmth", "sharpness", "grain")
    for number, row in enumerate(rows):
        line = log_line(
            classifier,
            request,
            number,
            statistics=np.array([named[name][number] if name in named else 0 for name in order]),
            embedding=made.log_fields(row),
            keep_image=False,
        )
        np.testing.assert_allclose(made.row_from_log(json.loads(line)), row, atol=1e-4)
    assert rows[:, -3].all()
