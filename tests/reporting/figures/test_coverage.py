"""Accuracy against coverage, with the chosen threshold."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from darkroom.reporting.figures.coverage import coverage_figure
from tests.helpers.figures import BLUE, ORANGE, count_pixels, middle_of, read_pixels, selective_curve

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("rows", [1, 5, 200])
def test_the_threshold_is_marked(tmp_path: Path, rows: int) -> None:
    path, curve = tmp_path / "c.png", selective_curve(rows)
    coverage_figure(path, curve, threshold=None, confident_accuracy=0.99)
    pixels = read_pixels(path)
    assert count_pixels(pixels, BLUE) > 50
    assert count_pixels(pixels, ORANGE) == 0, "no threshold, no mark"
    coverage_figure(path, curve, threshold=float(curve["threshold"].iloc[0]), confident_accuracy=0.99)
    _, wide = middle_of(read_pixels(path), ORANGE)
    if rows > 1:
        coverage_figure(path, curve, threshold=float(curve["threshold"].iloc[-1]), confident_accuracy=0.99)
        _, narrow = middle_of(read_pixels(path), ORANGE)
        assert narrow < wide - 500, "a higher threshold covers fewer images"


def test_the_text_has_the_first_row_not_below_the_threshold(tmp_path: Path, drawn: dict[Text, Bbox]) -> None:
    curve = pd.DataFrame(
        {
            "threshold": [0.2, 0.5, 0.9, 1.0],
            "coverage": [1.0, 0.8, 0.5, 0.0],
            "accuracy": [0.8, 0.9, 0.99, np.nan],
        }
    )
    path = tmp_path / "c.png"
    for threshold, text in (
        (0.5, "80.0 % confident, 90.00 % of them correct"),
        (0.51, "50.0 % confident, 99.00 % of them correct"),
        (0.95, "no image is so confident"),
    ):
        coverage_figure(path, curve, threshold=threshold, confident_accuracy=0.9)
        read_pixels(path)
        assert f"threshold {threshold}\n{text}" in [drawn_text.get_text() for drawn_text in drawn]
    coverage_figure(path, curve, threshold=None, confident_accuracy=0.995)
    texts = [text.get_text() for text in drawn]
    assert "no threshold makes 99.5 % of the confident validation predictions correct" in texts
    coverage_figure(path, curve, threshold=None, confident_accuracy=None)  # after a final fit
    texts = [text.get_text() for text in drawn]
    assert any(text.endswith("; no threshold was chosen") for text in texts)
    assert not any("confident," in text for text in texts)


def test_a_curve_where_all_predictions_are_correct_is_drawn(tmp_path: Path) -> None:
    curve = selective_curve(50).assign(accuracy=1.0)
    coverage_figure(tmp_path / "c.png", curve, threshold=0.1, confident_accuracy=1.0)
    assert count_pixels(read_pixels(tmp_path / "c.png"), ORANGE) > 50


def test_curves_that_cannot_be_drawn_are_rejected(tmp_path: Path) -> None:
    path, curve = tmp_path / "c.png", selective_curve(5)
    with pytest.raises(ValueError, match="lacks coverage"):
        coverage_figure(path, curve.drop(columns="coverage"), threshold=None, confident_accuracy=0.9)
    with pytest.raises(ValueError, match="no rows"):
        coverage_figure(path, curve[:0], threshold=None, confident_accuracy=0.9)
    with pytest.raises(ValueError, match="falling coverage"):
        coverage_figure(path, curve[::-1], threshold=None, confident_accuracy=0.9)
    with pytest.raises(ValueError, match="every coverage is 0"):
        coverage_figure(path, curve.assign(coverage=0.0), threshold=None, confident_accuracy=0.9)
    with pytest.raises(ValueError, match="accuracy must be 0 to 1, got nan"):
        coverage_figure(path, curve.assign(accuracy=np.nan), threshold=None, confident_accuracy=0.9)
    with pytest.raises(ValueError, match=r"confident_accuracy.*99\.0"):
        coverage_figure(path, curve, threshold=None, confident_accuracy=99.0)
    with pytest.raises(ValueError, match=r"threshold.*-1"):
        coverage_figure(path, curve, threshold=-1.0, confident_accuracy=0.9)
    assert not list(tmp_path.iterdir())
