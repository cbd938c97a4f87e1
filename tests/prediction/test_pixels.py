"""Predictions see the pixels that the training saw, whatever the shape and the size of an image."""

from pathlib import Path

import numpy as np
import pytest

from darkroom.data.scan.facts import examine
from darkroom.files import read_json, write_json
from darkroom.images.resizing import FITS, Fit
from darkroom.prediction.flow import model_input
from darkroom.prediction.items import file_item
from darkroom.serving.prediction.model import Classifier
from tests.helpers.prediction import colour_model
from tests.helpers.serving import encoded, random_image

IMAGES = {
    "small.png": encoded(random_image(20, 45)),
    "large.jpg": encoded(random_image(900, 1300), "JPEG"),  # decoded at a part of its size
}


@pytest.mark.parametrize("fit", FITS)
def test_the_pixels_are_those_of_the_scan(fit: Fit, tmp_path: Path) -> None:
    folder = colour_model(tmp_path / "model")
    write_json(folder / "model.json", read_json(folder / "model.json") | {"fit": fit})
    classifier = Classifier(folder, version="", threads=1)
    height, width, channels = classifier.shape
    for name, data in IMAGES.items():
        (tmp_path / name).write_bytes(data)
        _, trained_on = examine(data, height=height, width=width, channels=channels, fit=fit)
        assert trained_on is not None
        assert np.array_equal(model_input(file_item(tmp_path / name, name), classifier), trained_on), name
