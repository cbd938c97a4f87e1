"""The service fits images as the training of its model did: the same pixels from the same bytes."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from darkroom.data.scan.facts import examine
from darkroom.images.resizing import FITS, Fit
from darkroom.serving.prediction.model import Classifier
from tests.helpers.app import send
from tests.helpers.serving import encoded, random_image, write_champion

# small and large ones, of several shapes; the JPEGs are decoded at a part of their size
IMAGES = {
    "PNG": encoded(random_image(40, 90)),
    "tall": encoded(random_image(90, 40)),
    "JPEG": encoded(random_image(600, 1000), "JPEG", quality=90),
    "large": encoded(random_image(1500, 2000), "JPEG", quality=90),  # decoded in the second thread
}


def served(tmp_path: Path, **about: Any) -> Classifier:
    write_champion(tmp_path, name="mine", classes=("a", "b"), height=16, width=24, channels=3, **about)
    return Classifier(tmp_path, threads=1)


@pytest.mark.parametrize("fit", FITS)
def test_a_request_gets_the_pixels_of_the_scan(fit: Fit, tmp_path: Path) -> None:
    classifier = served(tmp_path, fit=fit)
    for name, data in IMAGES.items():
        response = send(classifier, "POST", "/predict?explain=true", files=[("image", data)]).json()
        seen = base64.b64decode(response["input"].partition(",")[2])
        _, trained_on = examine(data, height=16, width=24, channels=3, fit=fit)
        assert trained_on is not None
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(seen))), trained_on), name
    assert send(classifier, "GET", "/model").json()["fit"] == fit


def test_the_fits_differ(tmp_path: Path) -> None:
    pixels = [examine(IMAGES["PNG"], height=16, width=24, channels=3, fit=fit)[1] for fit in FITS]
    assert len({each.tobytes() for each in pixels if each is not None}) == len(FITS)


def test_a_model_from_before_there_was_a_choice_crops(tmp_path: Path) -> None:
    assert served(tmp_path).fit == "crop"


def test_an_unknown_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"model\.json has fit 'stretch'; needed: crop, pad, squeeze"):
        served(tmp_path, fit="stretch")
    assert json.loads((tmp_path / "model.json").read_text())["fit"] == "stretch"
