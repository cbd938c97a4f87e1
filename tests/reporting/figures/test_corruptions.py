"""A panel a corruption, with its interval."""

from pathlib import Path

import pytest
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from darkroom.reporting.figures.corruptions import corruptions_figure
from tests.helpers.figures import BAND, BLUE, corruption_table, count_pixels, read_pixels

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.integration
@pytest.mark.parametrize("count", [1, 3, 5, 19])
def test_each_corruption_has_a_panel(tmp_path: Path, drawn: dict[Text, Bbox], count: int) -> None:
    names = [f"noise {place}" for place in range(count)]
    corruptions_figure(tmp_path / "c.png", corruption_table(names), clean=0.95)
    pixels = read_pixels(tmp_path / "c.png")
    assert count_pixels(pixels, BLUE) > 500 * count
    texts = [text.get_text() for text in drawn]
    assert [text for text in texts if text in names] == names, "in the table's order"
    assert "accuracy by strength of corruption; mean corruption accuracy 59.0 %" in texts


def test_the_band_is_the_interval(tmp_path: Path) -> None:
    bands = []
    for images in (50, 5000):
        corruptions_figure(tmp_path / "c.png", corruption_table(["blur"], images), clean=0.95)
        bands.append(count_pixels(read_pixels(tmp_path / "c.png"), BAND))
    assert bands[0] > 3 * bands[1] > 0, "fewer images, a wider interval"


def test_tables_that_cannot_be_drawn_are_rejected(tmp_path: Path) -> None:
    path, table = tmp_path / "c.png", corruption_table(["blur"])
    with pytest.raises(ValueError, match="lacks strength"):
        corruptions_figure(path, table.drop(columns="strength"), clean=0.9)
    with pytest.raises(ValueError, match="no rows"):
        corruptions_figure(path, table[:0], clean=0.9)
    with pytest.raises(ValueError, match=r"accuracy_high.*1\.5"):
        corruptions_figure(path, table.assign(accuracy_high=1.5), clean=0.9)
    with pytest.raises(ValueError, match=r"clean.*nan"):
        corruptions_figure(path, table, clean=float("nan"))
    assert not list(tmp_path.iterdir())
