"""Altered copies of held-out images never become training images."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from darkroom.data.corrections.merging import merge_corrections
from darkroom.data.corrections.reading import read_corrections
from darkroom.data.splits import Split
from tests.helpers.corrections import CLASSES, SHAPE, merge_folder, outcomes, put_correction, splits
from tests.helpers.serving import encoded


def enlarged(pixels: NDArray[np.uint8], kind: str = "PNG", side: int = 200, **options: Any) -> bytes:
    return encoded(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC), kind, **options)


@pytest.mark.parametrize("part", ["test", "validation"])
def test_altered_copies_of_a_held_out_image_are_refused(tmp_path: Path, part: str) -> None:
    held = splits()[part].images[3]
    image = Image.fromarray(held)
    brighter = np.clip(held * 0.6 + 60, 0, 255).astype(np.uint8)
    for number, content in enumerate(
        (
            encoded(held),
            encoded(held, "BMP"),
            encoded(held, "JPEG", quality=60),
            enlarged(held),
            enlarged(held, "JPEG", 640, quality=40),
            encoded(held[:, ::-1].copy()),
            encoded(brighter),
            encoded(image.resize((24, 24), Image.Resampling.BICUBIC)),
            encoded(image.resize((256, 256), Image.Resampling.NEAREST).crop((26, 26, 230, 230))),
            encoded(ImageOps.expand(image.resize((256, 256)), 20, "white"), "JPEG"),
            encoded(image.resize((256, 256)).rotate(9, Image.Resampling.BICUBIC)),
        )
    ):
        put_correction(tmp_path, content, CLASSES[number % 2], f".{number}")
    merged = merge_folder(tmp_path)
    assert set(outcomes(merged).values()) == {"refused"}
    assert merged.outcomes["reason"].str.contains(f"{part} image").all()
    assert len(merged.train) == 6
    assert merged.summary["sha256"] is None


def test_an_identical_held_out_image_is_refused_whatever_the_similarity(tmp_path: Path) -> None:
    plain = np.full((32, 32, 3), 7, dtype=np.uint8)
    parts = splits()
    parts["test"] = Split(np.concatenate([parts["test"].images, plain[None]]), np.zeros(7, dtype=np.int64))
    put_correction(tmp_path, encoded(plain))
    found = read_corrections(tmp_path, CLASSES, **SHAPE)
    merged = merge_corrections(found, parts, CLASSES, similarity=1.0, mirror=False)
    (row,) = merged.outcomes.to_dict("records")
    assert (row["reason"], row["split"], row["index"], row["similarity"]) == (
        "is a test image",
        "test",
        6,
        1,
    )
