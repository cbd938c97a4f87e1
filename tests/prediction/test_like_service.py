"""The same bytes through the running service and through predict."""

from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

from darkroom.prediction.loading import load
from tests.helpers.serving import CIFAR, bento_of, encoded, random_image, serve_bento

pytestmark = pytest.mark.integration


def test_the_numbers_are_those_of_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, tag, archive = bento_of("cifar10")
    images = [encoded(random_image(30 + 7 * seed, 90 - seed, seed=seed), "JPEG") for seed in range(20)]
    images += [
        encoded(Image.fromarray(random_image()).convert("CMYK"), "JPEG"),
        encoded(random_image(), "WEBP"),
    ]
    images += [encoded(random_image(900, 1300), "JPEG")]  # decoded at a part of its size
    turned = Image.Exif()
    turned[0x0112] = 6
    images += [encoded(random_image(40, 60), "JPEG", exif=turned), b"no image"]
    for number, data in enumerate(images):
        (tmp_path / f"{number:02}.any").write_bytes(data)
    monkeypatch.setenv("BENTOML_HOME", str(home))
    frames = [
        load(model, root=tmp_path, threads=1).predict([*sorted(tmp_path.glob("*.any"))], top=3)
        for model in (tag, archive)
    ]
    assert frames[0].equals(frames[1])
    frame = frames[0]
    with serve_bento(home, tag) as url:
        for number, data in enumerate(images):
            response = requests.post(url + "/predict", files={"image": data}, params={"k": 10}, timeout=60)
            row = frame.iloc[number]
            if response.status_code != 200:
                assert response.json()["error"]["message"] == row["reason"]
                continue
            body = response.json()
            assert body["classes"][0]["class"] == row["prediction"]
            assert [one["class"] for one in body["classes"][1:3]] == [
                row["prediction_2"],
                row["prediction_3"],
            ]
            assert body["confident"] is (not row["unsure"])
            sent = {one["class"]: one["probability"] for one in body["classes"]}
            np.testing.assert_allclose([row[f"p_{c}"] for c in CIFAR], [sent[c] for c in CIFAR], atol=1e-6)
