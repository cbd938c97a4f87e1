"""Recall and precision of each class."""

from pathlib import Path

import numpy as np
import pytest

from darkroom.evaluation.multilabel.precision_recall import precision_recall_curves
from darkroom.evaluation.per_class import per_class_table
from darkroom.reporting.figures.per_class import per_class_figure
from tests.helpers.figures import NAMES, ORANGE, PALE, class_table, read_pixels

pytestmark = pytest.mark.filterwarnings("error")


def test_bars_grow_with_recall(tmp_path: Path) -> None:
    bar = PALE
    per_class_figure(tmp_path / "p.png", class_table([0.9, 0.2, 0.6]))
    pixels = read_pixels(tmp_path / "p.png")
    long = (np.abs(pixels.astype(int) - bar).max(axis=2) <= 3).sum(axis=1)
    rows = np.flatnonzero(long > 50)
    assert long[rows[2]] > 2 * long[rows[-3]], "the best class is on top, the worst at the bottom"
    assert long[rows[2]] == pytest.approx(4.5 * long[rows[-3]], rel=0.05), "bars start at 0"


@pytest.mark.integration
def test_many_classes_and_classes_without_images_are_drawn(tmp_path: Path) -> None:
    per_class_figure(tmp_path / "p.png", class_table(list(np.linspace(0, 1, 100))))
    read_pixels(tmp_path / "p.png")
    table = per_class_table(np.eye(3, dtype=np.float32)[:2], np.array([0, 0]), classes=NAMES)
    per_class_figure(tmp_path / "p.png", table)
    read_pixels(tmp_path / "p.png")


@pytest.mark.integration
def test_of_a_thousand_classes_the_worst_and_the_best_are_drawn(tmp_path: Path) -> None:
    recalls = list(np.linspace(0, 1, 1000))
    per_class_figure(tmp_path / "many.png", class_table(recalls))
    many = read_pixels(tmp_path / "many.png")
    (tmp_path / "many.png").unlink()
    per_class_figure(tmp_path / "ends.png", class_table(recalls[:40] + recalls[-10:]))
    ends = read_pixels(tmp_path / "ends.png")
    assert many.shape == ends.shape


def test_tables_that_cannot_be_drawn_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lacks recall_low"):
        per_class_figure(tmp_path / "p.png", class_table([0.5]).drop(columns="recall_low"))
    with pytest.raises(ValueError, match="no rows"):
        per_class_figure(tmp_path / "p.png", class_table([]))
    assert not list(tmp_path.iterdir())


@pytest.mark.integration
def test_of_several_labels_precision_over_recall_is_drawn_below_the_same_bars(tmp_path: Path) -> None:
    table = class_table([0.9, 0.2, 0.6])
    labels = np.eye(3, dtype=np.int8)[np.arange(30) % 3]
    curves = precision_recall_curves(
        labels * 0.5 + np.linspace(0, 0.7, 30)[:, None], labels, list(table["class"])
    )
    per_class_figure(tmp_path / "p.png", table)
    alone = read_pixels(tmp_path / "p.png")
    per_class_figure(tmp_path / "p.png", table, curves)
    both = read_pixels(tmp_path / "p.png")
    assert len(both) > len(alone) + 200
    drawn = (np.abs(both[len(alone) :].astype(int) - ORANGE).max(axis=2) <= 3).sum()
    assert drawn > 100, "three marks"
