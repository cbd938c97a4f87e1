"""Groups of images, and those that are worse than all."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from darkroom.reporting.figures.slices import slices_figure
from tests.helpers.figures import BLUE, ORANGE, count_pixels, middle_of, read_pixels, slice_table

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.integration
def test_groups_whose_interval_is_below_the_accuracy_of_all_are_marked(tmp_path: Path) -> None:
    path, table = tmp_path / "s.png", slice_table(4)
    slices_figure(path, table.assign(accuracy=0.7, accuracy_low=0.6, accuracy_high=0.8))
    pixels = read_pixels(path)
    assert count_pixels(pixels, BLUE) > 500
    assert count_pixels(pixels, ORANGE) == 0
    columns = []
    for accuracy in (0.1, 0.4):  # of the last group of 100; the 400 images have 0.8125
        one = table.assign(group=table["group"].replace("group 13", "last"))
        chosen = one["group"] == "last"
        for column, value in (("accuracy", 0), ("accuracy_low", -0.05), ("accuracy_high", 0.05)):
            one[column] = one[column].where(~chosen, accuracy + value)
        one.loc[~chosen, "accuracy_high"] = 1.0
        one.loc[~chosen, "accuracy_low"] = 0.0
        slices_figure(path, one)
        columns.append(middle_of(read_pixels(path), ORANGE)[1])
    assert columns[1] > columns[0] + 150, "the more accurate, the further to the right"


@pytest.mark.integration
def test_many_groups_and_groups_without_images_are_drawn(tmp_path: Path, drawn: dict[Text, Bbox]) -> None:
    table = slice_table(100)
    table["images"] = table["images"].where(table["group"] != "group 7", 0)
    unknown = ["accuracy", "accuracy_low", "accuracy_high"]
    table[unknown] = table[unknown].where(table["images"] > 0)
    slices_figure(tmp_path / "s.png", table)
    read_pixels(tmp_path / "s.png")
    texts = [text.get_text() for text in drawn]
    assert texts.count("no images") == 1
    assert [text for text in texts if text.startswith("by ")] == [
        "by class",
        "by brightness",
        "by confidence",
    ]
    assert all(group in texts for group in table["group"])


@pytest.mark.integration
def test_of_a_thousand_classes_the_worst_and_the_best_are_drawn(
    tmp_path: Path, drawn: dict[Text, Bbox]
) -> None:
    slices_figure(tmp_path / "s.png", slice_table(1000))
    read_pixels(tmp_path / "s.png")
    texts = [text.get_text() for text in drawn]
    assert "by class (the 40 worst and 10 best of 1,000)" in texts
    assert {"group 0", "group 999"} <= set(texts)
    assert "group 500" not in texts


def test_tables_that_cannot_be_drawn_are_rejected(tmp_path: Path) -> None:
    path, table = tmp_path / "s.png", slice_table(3)
    with pytest.raises(ValueError, match="lacks group"):
        slices_figure(path, table.drop(columns="group"))
    with pytest.raises(ValueError, match="no rows"):
        slices_figure(path, table[:0])
    with pytest.raises(ValueError, match="accuracy must be 0 to 1, got nan"):
        slices_figure(path, table.assign(accuracy=np.nan))
    with pytest.raises(ValueError, match="'class' has no images"):
        slices_figure(path, table.assign(images=0))
    assert not list(tmp_path.iterdir())
