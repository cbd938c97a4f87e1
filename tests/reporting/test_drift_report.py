"""The report on drift, from a prediction log that the service's own monitor wrote."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from darkroom.cli.main import main
from darkroom.reporting.drift_log import DriftError, read_log
from darkroom.reporting.drift_report import drift_page
from darkroom.serving.monitoring.drift_collector import DriftCollector
from darkroom.serving.monitoring.drift_score import WINDOW
from darkroom.serving.monitoring.monitor import Monitor
from darkroom.serving.monitoring.prediction_log import PredictionLog, read_predictions
from darkroom.serving.monitoring.recent_predictions import RecentPredictions
from darkroom.serving.prediction.engine import Classified, File
from tests.helpers.drift import brighter, drift_model, unshifted_images


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 600 unshifted images and 400 brighter ones."""
    folder = tmp_path_factory.mktemp("log")
    model = drift_model()
    monitor = Monitor(
        model.classifier,
        store=PredictionLog(folder, limit=10_000_000),
        drift=DriftCollector(model.reference, RecentPredictions(model.reference.columns, None)),
    )
    for pixels in (unshifted_images()[:600], brighter(unshifted_images()[600:1000])):
        files = [File("PNG", 32, 32, 100)] * len(pixels)
        monitor.offer("/predict_batch", Classified(pixels, model.classifier.explain(pixels), 0.1, files))
    monitor.close()
    assert monitor.drift is not None
    gauges = {metric.name: metric.samples for metric in monitor.drift.collect()}
    assert gauges["darkroom_drift_images"][0].value == WINDOW
    scores = [sample.value for sample in gauges["darkroom_drift_score"]]
    assert gauges["darkroom_drift"][0].value == max(scores) > 1
    return folder


def test_the_log_holds_the_rows_that_the_service_scored(log: Path) -> None:
    model = drift_model()
    logged = read_log(log, model.reference)
    expected = model.rows(unshifted_images()[:600])
    np.testing.assert_allclose(logged.rows[:600], expected, atol=1e-3)
    scores = model.reference.scores(logged.rows[:WINDOW])
    assert scores == pytest.approx(model.reference.scores(expected[:WINDOW]), abs=0.1)


@pytest.mark.integration
def test_the_report_is_one_page_that_holds_its_figures(log: Path) -> None:
    page, verdict = drift_page(log, drift_model().reference)
    assert "have drifted" in verdict
    assert page.count("<strong>") >= 2  # scores beyond the limit
    assert page.count("data:image/png;base64,") == 3
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//|<script""", page)
    first = re.search(r"after image ([\d,]+),", page)
    assert first is not None
    assert 600 < int(first[1].replace(",", "")) <= 700


def test_lines_of_other_versions_are_left_out_and_counted(log: Path, tmp_path: Path) -> None:
    reference = drift_model().reference
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


@pytest.mark.integration
def test_the_command_writes_the_page(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, reference = tmp_path / "drift.html", drift_model().folder / "reference.json"
    main(["drift", "--log", str(log), "--reference", str(reference), "--html", str(page)])
    assert "have drifted" in capsys.readouterr().out
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    for log_, reference_, message in (
        (tmp_path / "none", reference, "is not a folder"),
        (log, tmp_path / "none.json", "none.json is not there: `dvc repro register`"),
        (log, page, "is not a reference"),
    ):
        with pytest.raises(SystemExit, match=message):
            main(["drift", "--log", str(log_), "--reference", str(reference_), "--html", str(page)])
