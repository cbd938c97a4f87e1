"""The curves of training and validation."""

from pathlib import Path

import numpy as np
import pytest

from darkroom.reporting.figures.learning_curve import learning_curve_figure
from tests.helpers.figures import BLUE, ORANGE, count_pixels, learning_curve, read_pixels

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("epochs", [1, 2, 40])
def test_training_is_orange_and_validation_blue(tmp_path: Path, epochs: int) -> None:
    learning_curve_figure(tmp_path / "curve.png", learning_curve(epochs), epochs)
    pixels = read_pixels(tmp_path / "curve.png")
    assert count_pixels(pixels, BLUE) > 50, "validation is blue"
    assert count_pixels(pixels, ORANGE) > 50, "training is orange"


def test_a_curve_without_validation_images_shows_training_alone(tmp_path: Path) -> None:
    curve = learning_curve(4).assign(validation_loss=np.nan, validation_accuracy=np.nan)
    learning_curve_figure(tmp_path / "curve.png", curve, 4)
    pixels = read_pixels(tmp_path / "curve.png")
    assert count_pixels(pixels, BLUE) == 0, "nothing was validated"
    assert count_pixels(pixels, ORANGE) > 50, "training is orange"


def test_curves_that_cannot_be_drawn_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "curve.png"
    with pytest.raises(ValueError, match=r"best_epoch is 7, the curve has 1 to 3"):
        learning_curve_figure(path, learning_curve(3), 7)
    with pytest.raises(ValueError, match="lacks train_accuracy"):
        learning_curve_figure(path, learning_curve(3).drop(columns="train_accuracy"), 1)
    with pytest.raises(ValueError, match="no rows"):
        learning_curve_figure(path, learning_curve(0), 1)
    assert not list(tmp_path.iterdir())
