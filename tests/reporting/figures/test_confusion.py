"""The confusion matrix shows its counts."""

from pathlib import Path

import numpy as np
import pytest

from darkroom.reporting.figures.confusion import confusion_figure
from tests.helpers.figures import NAMES, count_pixels, read_pixels

pytestmark = pytest.mark.filterwarnings("error")


# to 12, 20, 50 and 100 classes each has a look of its own; a hundred take seconds
@pytest.mark.integration
@pytest.mark.parametrize("size", [2, 3, 10, 20, 51, pytest.param(100, marks=pytest.mark.slow)])
def test_the_shade_is_where_the_predictions_are(tmp_path: Path, size: int) -> None:
    labels = np.repeat(np.arange(size), 5)
    classes = (NAMES + [f"class {place}" for place in range(size)])[:size]
    confusion_figure(tmp_path / "correct.png", labels, labels, classes)
    correct = read_pixels(tmp_path / "correct.png")
    (tmp_path / "correct.png").unlink()
    confusion_figure(tmp_path / "wrong.png", labels, (labels + 1) % size, classes)
    wrong = read_pixels(tmp_path / "wrong.png")
    full = (0x00, 0x46, 0x6F)  # the shade of a cell that holds its whole row
    assert count_pixels(correct, full) > 1000
    # The whole row moved one to the right: as much shade, elsewhere.
    assert correct.shape != wrong.shape or (correct != wrong).any()
    assert count_pixels(wrong, full) > 1000


@pytest.mark.integration
def test_of_a_thousand_classes_the_most_confused_are_drawn(tmp_path: Path) -> None:
    classes = [f"class {place}" for place in range(1000)]
    labels = np.arange(1000).repeat(2)
    predictions = labels.copy()
    predictions[100:150] = predictions[150:200]  # images of the classes 50 to 74 are predicted as 75 to 99
    confusion_figure(tmp_path / "many.png", labels, predictions, classes)
    many = read_pixels(tmp_path / "many.png")
    (tmp_path / "many.png").unlink()
    part = (labels >= 50) & (labels < 100)
    confusion_figure(tmp_path / "part.png", labels[part] - 50, predictions[part] - 50, classes[50:100])
    alone = read_pixels(tmp_path / "part.png")
    assert many.shape == alone.shape
    below_the_title = slice(many.shape[0] // 10, None)
    assert (many[below_the_title] == alone[below_the_title]).mean() > 0.99


def test_a_class_without_images_is_drawn(tmp_path: Path) -> None:
    confusion_figure(tmp_path / "c.png", np.array([0, 0]), np.array([0, 1]), NAMES)
    read_pixels(tmp_path / "c.png")


@pytest.mark.parametrize(
    ("labels", "predictions", "message"),
    [([0, 3], [0, 1], "labels.*0 to 2.*3"), ([0, 1], [0, -1], "predictions.*-1"),
     ([0], [0, 1], r"\[1\] and \[2\]"), ([], [], r"\[0\]")],
)  # fmt: skip
def test_impossible_labels_and_predictions_are_rejected(
    tmp_path: Path, labels: list[int], predictions: list[int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        confusion_figure(tmp_path / "c.png", np.array(labels), np.array(predictions), NAMES)
    assert not list(tmp_path.iterdir())
