"""Drift: a shift is noticed, none is not; the reference, the window and the report."""

import json
import multiprocessing
import os
import re
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.drift import detection, draw, false_alarms, table
from darkroom.cli.main import main
from darkroom.reporting.drift_report import DriftError, drift_page, read_log
from darkroom.serving.monitoring.monitor import Monitor
from darkroom.serving.monitoring.prediction_log import PredictionLog, read_predictions
from darkroom.serving.monitoring.recent_predictions import SLOTS, Drift, RecentPredictions
from darkroom.serving.monitoring.reference import (
    EVERY,
    LEAST,
    WINDOW,
    Reference,
    make_reference,
    read_reference,
)
from darkroom.serving.prediction.engine import Classified, File
from darkroom.serving.prediction.model import Classifier
from darkroom.serving.prediction.runtime import Prediction
from tests.helpers.serving import CIFAR, random_image, write_champion


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drift")
    write_champion(
        folder,
        name="cifar10",
        classes=CIFAR,
        height=32,
        width=32,
        channels=3,
        reference=True,
        confident_from=0.47,
    )
    return folder


@pytest.fixture(scope="module")
def classifier(folder: Path) -> Classifier:
    return Classifier(folder, threads=1)


@pytest.fixture(scope="module")
def reference(folder: Path, classifier: Classifier) -> Reference:
    return read_reference(folder / "reference.json", sha256=classifier.about["sha256"])


@pytest.fixture(scope="module")
def usual(classifier: Classifier) -> NDArray[np.uint8]:
    """2,000 images like those of the reference, none of which is in it."""
    return np.stack([random_image(seed=seed) for seed in range(2000)])


def scores(
    reference: Reference, classifier: Classifier, pixels: NDArray[np.uint8], **changes: Any
) -> dict[str, float]:
    answer = classifier.explain(pixels)._replace(**changes)
    return reference.scores(reference.describe(pixels, answer))


def test_unshifted_windows_raise_hardly_an_alarm(
    reference: Reference, classifier: Classifier, usual: NDArray[np.uint8]
) -> None:
    rows = reference.describe(usual, classifier.explain(usual))
    draw = np.random.default_rng(0)
    windows = [rows[draw.permutation(len(rows))[:WINDOW]] for _ in range(200)]
    alarms = [max(reference.scores(window).values()) >= 1 for window in windows]
    assert np.mean(alarms) <= 0.02


@pytest.mark.parametrize(
    ("change", "statistic"),
    [
        (lambda x: x + 15, "brightness"),
        (lambda x: (x - 60) * 0.7 + 60, "contrast"),
        (lambda x: x + np.random.default_rng(0).normal(0, 8, x.shape), "grain"),
        (lambda x: x * [1.2, 1, 0.9], "warmth"),
        (lambda x: x[:, ::-1], "embedding"),
        (lambda x: np.where(x > 60, 220, 20), "distance"),
    ],
    ids=["brighter", "flatter", "noisy", "warmer", "upside down", "drawn"],
)
def test_a_shift_is_noticed_by_the_statistic_it_is_of(
    reference: Reference, classifier: Classifier, usual: NDArray[np.uint8], change: Any, statistic: str
) -> None:
    shifted = np.clip(change(usual[:WINDOW].astype(np.float64)), 0, 255).astype(np.uint8)
    found = scores(reference, classifier, shifted)
    assert found[statistic] >= 1, found
    assert scores(reference, classifier, usual[:WINDOW])[statistic] < 1


def test_another_mix_of_classes_is_noticed(
    reference: Reference, classifier: Classifier, usual: NDArray[np.uint8]
) -> None:
    best = classifier.predict(usual).argmax(1)
    common = np.bincount(best, minlength=10).argmax()
    found = scores(reference, classifier, usual[best == common])
    assert found["class_mix"] >= 1


def test_lower_confidence_is_noticed(
    reference: Reference, classifier: Classifier, usual: NDArray[np.uint8]
) -> None:
    probabilities = classifier.predict(usual[:WINDOW])
    flatter = probabilities**0.7 / (probabilities**0.7).sum(1, keepdims=True)
    assert scores(reference, classifier, usual[:WINDOW], probabilities=flatter)["confidence"] >= 1


def test_a_reference_survives_its_file(
    reference: Reference, classifier: Classifier, usual: NDArray[np.uint8], tmp_path: Path
) -> None:
    path = tmp_path / "reference.json"
    path.write_text(json.dumps(reference.to_json()))
    again = read_reference(path)
    before, after = (scores(one, classifier, usual[:WINDOW]) for one in (reference, again))
    assert before == pytest.approx(after, abs=0.01)
    assert again.statistics == reference.statistics
    assert set(reference.statistics) == {
        "class_mix", "confidence", "brightness", "contrast", "saturation", "warmth", "sharpness", "grain",
        "distance", "embedding",
    }  # fmt: skip


def test_what_is_no_reference_or_anothers_is_refused(reference: Reference, tmp_path: Path) -> None:
    path = tmp_path / "reference.json"
    for content in ("", "[]", "{}", json.dumps(reference.to_json() | {"edges": "none", "axes": None})):
        path.write_text(content)
        with pytest.raises(ValueError, match=r"(?s)is no reference for drift .*: run `dvc repro register`"):
            read_reference(path)
    path.write_text(json.dumps(reference.to_json()))
    with pytest.raises(ValueError, match=r"belongs to the model .* beside it is 0000"):
        read_reference(path, sha256="0" * 64)


def test_images_that_were_learned_from_tell_no_confidence(
    classifier: Classifier, usual: NDArray[np.uint8]
) -> None:
    made = make_reference(
        usual[:200], classifier.explain(usual[:200]), classes=CIFAR, sha256="0" * 64, held_out=False
    )
    assert {"confidence", "distance", "novelty", "embedding"} & set(made.statistics) == set()
    assert "brightness" in made.statistics
    assert made.scores(made.describe(usual[200:700], classifier.explain(usual[200:700])))["brightness"] < 1
    with pytest.raises(ValueError, match="49 images are too few"):
        make_reference(usual[:49], classifier.explain(usual[:49]), classes=CIFAR, sha256="0" * 64)


def test_grey_images_and_models_without_embeddings_have_what_they_have() -> None:
    pixels = np.stack([random_image(8, 8, 1, seed=seed) for seed in range(120)])
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), len(pixels)).astype(np.float32)
    answer = Prediction(probabilities)
    made = make_reference(pixels, answer, classes=("a", "b", "c"), sha256="0" * 64)
    assert {"saturation", "warmth", "distance", "embedding"} & set(made.statistics) == set()
    assert max(made.scores(made.describe(pixels, answer)).values()) < 1


# --- the window --------------------------------------------------------------------------------------


def rows_of(first: int, count: int) -> NDArray[np.float32]:
    return np.arange(first, first + count, dtype=np.float32)[:, None].repeat(3, 1)


def test_the_window_ends_at_the_last_look_and_is_never_too_long(tmp_path: Path) -> None:
    window = RecentPredictions(3, tmp_path / "window")
    assert window.last()[0] == 0
    total = 0
    for count in (1, 24, 30, 700, 3, 60):
        window.add(rows_of(total, count))
        total += count
        seen, rows = window.last()
        assert seen == total // EVERY * EVERY
        np.testing.assert_array_equal(rows[:, 0], np.arange(max(0, seen - WINDOW), seen))


def add_for_ever(path: Path, started: Any) -> None:
    window = RecentPredictions(3, path)
    while True:
        window.add(rows_of(0, 7))
        started.set()


def test_workers_share_a_window_and_a_killed_one_leaves_it_whole(tmp_path: Path) -> None:
    path, spawn = tmp_path / "window", multiprocessing.get_context("spawn")
    for _ in range(2):
        started = spawn.Event()
        other = spawn.Process(target=add_for_ever, args=(path, started))
        other.start()
        assert started.wait(60)
        assert other.pid is not None
        os.kill(other.pid, signal.SIGKILL)
        other.join()
    window = RecentPredictions(3, path)
    before, _ = window.last()
    assert before % EVERY == 0
    window.add(rows_of(50_000, SLOTS))
    seen, rows = window.last()
    assert seen >= before + SLOTS - EVERY
    assert (np.diff(rows[:, 0]) == 1).all()


def test_nothing_is_told_of_a_few_images(reference: Reference) -> None:
    drift = Drift(reference, RecentPredictions(reference.columns, None))
    assert [metric.name for metric in drift.collect()] == ["darkroom_drift_images"]
    with pytest.raises(ValueError, match=f"needed: {LEAST} or more"):
        reference.scores(np.zeros((LEAST - 1, reference.columns), np.float32))


# --- the report --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def log(
    tmp_path_factory: pytest.TempPathFactory,
    reference: Reference,
    classifier: Classifier,
    usual: NDArray[np.uint8],
) -> Path:
    """A log of 600 usual images and 400 brighter ones, written by the service's own thread."""
    folder = tmp_path_factory.mktemp("log")
    watch = Monitor(
        classifier,
        store=PredictionLog(folder, limit=10_000_000),
        drift=Drift(reference, RecentPredictions(reference.columns, None)),
    )
    bright = np.clip(usual[600:1000].astype(int) + 60, 0, 255).astype(np.uint8)
    for pixels in (usual[:600], bright):
        files = [File("PNG", 32, 32, 100)] * len(pixels)
        watch.offer("/predict_batch", Classified(pixels, classifier.explain(pixels), 0.1, files))
    watch.close()
    assert watch.drift is not None
    told = {metric.name: metric.samples for metric in watch.drift.collect()}
    assert told["darkroom_drift_images"][0].value == WINDOW
    assert told["darkroom_drift"][0].value == max(one.value for one in told["darkroom_drift_score"]) > 1
    return folder


def test_the_log_holds_the_rows_that_the_service_judged(
    log: Path, reference: Reference, classifier: Classifier, usual: NDArray[np.uint8]
) -> None:
    logged = read_log(log, reference)
    expected = reference.describe(usual[:600], classifier.explain(usual[:600]))
    np.testing.assert_allclose(logged.rows[:600], expected, atol=1e-3)
    now = reference.scores(logged.rows[:WINDOW])
    assert now == pytest.approx(reference.scores(expected[:WINDOW]), abs=0.1)


def test_the_report_is_one_page_with_its_figures(log: Path, reference: Reference) -> None:
    page, verdict = drift_page(log, reference)
    assert "have drifted" in verdict
    assert page.count("<strong>") >= 2  # scores beyond the limit
    assert page.count("data:image/png;base64,") == 3
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//|<script""", page)
    first = re.search(r"after image ([\d,]+),", page)
    assert first is not None
    assert 600 < int(first[1].replace(",", "")) <= 700


def test_lines_of_other_versions_are_left_out_and_counted(
    log: Path, reference: Reference, tmp_path: Path
) -> None:
    lines = list(read_predictions(log))
    other = [line | {"model": {"name": "cifar10", "version": "2"}} for line in lines[:30]]
    older = [{key: value for key, value in line.items() if key != "embedding"} for line in lines[:7]]
    text = "".join(json.dumps(line) + "\n" for line in [*other, *older, *lines])
    (tmp_path / "predictions.jsonl").write_text(text + '{"torn')
    logged = read_log(tmp_path, reference)
    assert len(logged.rows) == len(lines)
    assert sorted(logged.left_out.values()) == [7, 30]
    with pytest.raises(DriftError, match="holds 30 usable predictions of version 2; 100 are needed"):
        read_log(tmp_path, reference, version="2")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DriftError, match="holds no prediction"):
        read_log(tmp_path / "empty", reference)


def test_the_command_writes_the_page(
    log: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, its = tmp_path / "drift.html", folder / "reference.json"
    main(["drift", "--log", str(log), "--reference", str(its), "--html", str(page)])
    assert "have drifted" in capsys.readouterr().out
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    for log_, reference_, said in (
        (tmp_path / "none", its, "is no folder"),
        (log, tmp_path / "none.json", "none.json is not there: `dvc repro register`"),
        (log, page, "is no reference"),
    ):
        with pytest.raises(SystemExit, match=said):
            main(["drift", "--log", str(log_), "--reference", str(reference_), "--html", str(page)])


# --- the benchmark -----------------------------------------------------------------------------------


def test_the_benchmark_counts_alarms_and_images_until_one(
    reference: Reference, classifier: Classifier, usual: NDArray[np.uint8], tmp_path: Path
) -> None:
    bright = np.clip(usual[:600].astype(int) + 60, 0, 255).astype(np.uint8)
    rows, shifted = (reference.describe(pixels, classifier.explain(pixels)) for pixels in (usual, bright))
    unshifted = false_alarms(reference, rows, orders=2)
    assert unshifted["windows"] == 8
    assert unshifted["alarms"] <= unshifted["any_look"] <= 1
    noticed = detection(reference, rows, shifted, seeds=3)
    assert noticed["noticed"] == 1
    assert EVERY <= noticed["median"] <= noticed["p95"] <= 150
    never = detection(reference, rows, rows, seeds=3)
    assert (never["noticed"], never["median"], never["by"]) == (0, None, None)
    shifts = [{"shift": "bright", "strength": 2, **noticed}, {"shift": "none", "strength": None, **never}]
    result = {"unshifted": unshifted, "shifts": shifts, "window": WINDOW}
    lines = table(result).splitlines()
    assert lines[2].startswith("| judged once each | 8 | ")
    assert lines[-2].startswith("| bright | 2 | 100% | ")
    assert lines[-1] == "| none |  | 0% |  |  |  |"
    draw(tmp_path / "drift.png", result)
    assert (tmp_path / "drift.png").stat().st_size > 10_000
