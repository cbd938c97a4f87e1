"""Which labels go together, actual and predicted."""

from pathlib import Path

import numpy as np
import pytest

from darkroom.reporting.figures.co_occurrence import MOST_LABELS, beside, co_occurrence_figure
from tests.helpers.figures import ORANGE, count_pixels, read_pixels
from tests.helpers.label_sets import scored

pytestmark = pytest.mark.filterwarnings("error")


def test_only_images_count_of_which_both_answers_are_known() -> None:
    labels = np.array([[1, 1, 0], [1, -1, 1], [1, 0, -1], [0, 1, 0]], dtype=np.int8)
    shares = beside(labels == 1, labels >= 0)
    assert shares[0].tolist() == [1.0, 0.5, 0.5]
    assert shares[1, 0] == 0.5
    none = beside(np.zeros((2, 2), dtype=bool), np.ones((2, 2), dtype=bool))
    assert np.isnan(none).all()


def test_what_is_predicted_otherwise_is_marked(tmp_path: Path) -> None:
    _, labels = scored(count=200)
    path = tmp_path / "together.png"
    co_occurrence_figure(path, labels == 1, labels, ("a", "b", "c", "d", "$e$"))
    assert count_pixels(read_pixels(path), ORANGE) == 0
    decisions = labels == 1
    decisions[:, 4] = True
    co_occurrence_figure(path, decisions, labels, ("a", "b", "c", "d", "$e$"))
    assert count_pixels(read_pixels(path), ORANGE) > 20


@pytest.mark.parametrize("count", [1, 2, MOST_LABELS + 10])
def test_any_number_of_labels_is_drawn(tmp_path: Path, count: int) -> None:
    labels = (np.random.default_rng(0).random((40, count)) < 0.3).astype(np.int8)
    names = [f"a very long name of a label, number {number}" for number in range(count)]
    path = tmp_path / "together.png"
    co_occurrence_figure(path, labels == 1, labels, names)
    assert max(read_pixels(path).shape) < 4000


def test_arrays_of_other_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="of the same images and labels"):
        co_occurrence_figure(
            tmp_path / "x.png", np.ones((2, 2), dtype=bool), np.ones((3, 2), dtype=np.int8), ("a", "b")
        )
