"""The reliability diagram marks bins that are off the line."""

from pathlib import Path

import pytest

from darkroom.reporting.figures.reliability import reliability_figure
from tests.helpers.figures import BLUE, ORANGE, PALE, count_pixels, middle_of, read_pixels, reliability_bins

pytestmark = pytest.mark.filterwarnings("error")


def test_bins_off_the_line_are_marked(tmp_path: Path) -> None:
    path = tmp_path / "r.png"
    reliability_figure(path, reliability_bins([10, 30, 50, 70, 90]), error=0.0, temperature=1.0)
    pixels = read_pixels(path)
    assert count_pixels(pixels, BLUE) > 500, "on the line"
    assert count_pixels(pixels, ORANGE) == 0
    assert count_pixels(pixels, PALE) > 5 * 5000, "the images of five bins"
    reliability_figure(path, reliability_bins([0, 0, 0, 0, 10]), error=0.4, temperature=0.5)
    pixels = read_pixels(path)
    assert count_pixels(pixels, ORANGE) > 500, "far overconfident"


def test_points_rise_with_accuracy(tmp_path: Path) -> None:
    path, rows = tmp_path / "r.png", []
    for correct in (5000, 9000):
        table = reliability_bins([correct], 10_000)
        reliability_figure(path, table.assign(confidence=correct / 10_000), error=0.01, temperature=1.3)
        rows.append(middle_of(read_pixels(path), BLUE))
    (low, left), (high, right) = rows
    assert high < low - 150
    assert right > left + 300


@pytest.mark.parametrize("bins", [1, 20, 100])
def test_few_and_many_bins_are_drawn(tmp_path: Path, bins: int) -> None:
    reliability_figure(tmp_path / "r.png", reliability_bins([3] * bins, 3), error=1.0, temperature=0.05)
    read_pixels(tmp_path / "r.png")


def test_tables_that_cannot_be_drawn_are_rejected(tmp_path: Path) -> None:
    path, table = tmp_path / "r.png", reliability_bins([10, 90])
    with pytest.raises(ValueError, match="lacks confidence; it has low"):
        reliability_figure(path, table.drop(columns="confidence"), error=0.1, temperature=1.0)
    with pytest.raises(ValueError, match="no rows"):
        reliability_figure(path, table[:0], error=0.1, temperature=1.0)
    with pytest.raises(ValueError, match=r"confidence must be 0 to 1, got 50\.0"):
        reliability_figure(path, table.assign(confidence=50.0), error=0.1, temperature=1.0)
    with pytest.raises(ValueError, match=r"error must be 0 to 1, got 7\.5"):
        reliability_figure(path, table, error=7.5, temperature=1.0)
    for temperature in (0.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"temperature.*{temperature}"):
            reliability_figure(path, table, error=0.1, temperature=temperature)
    assert not list(tmp_path.iterdir())
