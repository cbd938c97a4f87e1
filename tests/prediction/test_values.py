"""What programs pass: all kinds give the same numbers as the bytes of the same image."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from darkroom.prediction.model import Model
from tests.helpers.own_images import photo, write_files
from tests.helpers.prediction import CLASSES, colour_model

RED, BLUE = photo(1, colour=0), photo(2, colour=2)
PIXELS = np.asarray(Image.open(io.BytesIO(RED)).convert("RGB"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return Model(colour_model(tmp_path_factory.mktemp("model")), version="", threads=1)


def rows(frame: pd.DataFrame) -> list[list[float]]:
    values: list[list[float]] = frame[[f"p_{name}" for name in CLASSES]].to_numpy(np.float64).tolist()
    return values


KINDS: dict[str, Callable[[Path], Any]] = {
    "a path as text": str,
    "a path": lambda path: path,
    "a list of paths": lambda path: [path],
    "paths in an array": lambda path: np.array([str(path)]),
    "paths in a series": lambda path: pd.Series([str(path)]),
    "a generator": lambda path: (one for one in [path]),
    "a URL of a file": lambda path: path.as_uri(),
    "bytes": lambda path: path.read_bytes(),
    "an open file": lambda path: io.BytesIO(path.read_bytes()),
    "Pillow": lambda path: Image.open(path),
    "Pillow in a list": lambda path: [Image.open(path)],
    "uint8": lambda _: PIXELS,
    "a batch": lambda _: PIXELS[None],
    "a list of arrays": lambda _: [PIXELS],
    "int64": lambda _: PIXELS.astype(np.int64),
    "uint16": lambda _: PIXELS.astype(np.uint16) * 257,
    "float32": lambda _: PIXELS.astype(np.float32) / np.float32(255),
    "float16": lambda _: (PIXELS / 255).astype(np.float16),
    "opaque": lambda _: np.dstack([PIXELS, np.full(PIXELS.shape[:2], 255, np.uint8)]),
    "not contiguous": lambda _: PIXELS[::-1].copy()[::-1],
    "torch": lambda _: torch.tensor(PIXELS).permute(2, 0, 1),
    "torch, a batch of floats": lambda _: torch.tensor(PIXELS).permute(2, 0, 1)[None].float() / 255,
    "torch with gradients": lambda _: (torch.tensor(PIXELS).permute(2, 0, 1) / 255).requires_grad_(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_gives_the_same_numbers(model: Model, tmp_path: Path, kind: str) -> None:
    (tmp_path / "red.png").write_bytes(RED)
    frame = model.predict(KINDS[kind](tmp_path / "red.png"))
    assert list(frame.columns) == ["path", "prediction", "probability", "unsure", "p_blue", "p_red", "reason"]
    assert list(frame["prediction"]) == ["red"]
    atol = 1e-3 if kind == "float16" else 0
    np.testing.assert_allclose(rows(frame), rows(model.predict(RED)), rtol=0, atol=atol)


def test_grey_and_black_and_white(model: Model) -> None:
    grey = np.tile(np.arange(0, 240, 10, dtype=np.uint8), (20, 1))
    expected = rows(model.predict(np.repeat(grey[..., None], 3, axis=2)))
    for image in (grey, grey[..., None], Image.fromarray(grey)):
        assert rows(model.predict(image)) == expected
    white = rows(model.predict(np.full((5, 5), 255, np.uint8)))
    assert rows(model.predict(np.ones((5, 5), bool))) == rows(model.predict(np.ones((5, 5)))) == white
    transparent = np.zeros((5, 5, 4), np.uint8)  # lies on white
    assert rows(model.predict(transparent)) == white


def test_an_image_of_the_caller_s_is_left_as_it_is(model: Model) -> None:
    image = Image.new("RGB", (30, 10), "red")
    image.getexif()[0x0112] = 6
    model.predict(image)
    assert image.size == (30, 10)
    assert image.getexif()[0x0112] == 6


def test_several_kinds_and_what_is_no_image_in_one_list(model: Model, tmp_path: Path) -> None:
    write_files(tmp_path, {"in/a.png": BLUE, "in/b.png": RED, "in/notes.txt": b"x", "c": RED})
    frame = model.predict(
        [tmp_path / "in", str(tmp_path / "c"), PIXELS, b"no image", b"", tmp_path / "none.png", "a" * 300]
    )
    assert list(frame["prediction"].fillna("-")) == ["blue", "red", "red", "red", "-", "-", "-", "-"]
    assert list(frame["path"].isna()) == [False] * 3 + [True] * 3 + [False] * 2
    assert frame["reason"].isna().tolist() == [True] * 4 + [False] * 4
    assert frame["reason"].tolist()[6:] == ["there is no such file", "File name too long"]
    bad = frame.iloc[4:]
    assert bad.drop(columns=["path", "reason"]).isna().all(axis=None)


def test_top_and_probabilities_and_unsure(model: Model, tmp_path: Path) -> None:
    frame = model.predict([RED, Image.new("RGB", (9, 9), "grey")], top=5, probabilities=False)
    assert list(frame.columns) == [
        *("path", "prediction", "probability", "unsure", "prediction_2", "probability_2", "reason")
    ]
    assert frame["unsure"].tolist() == [False, True]
    np.testing.assert_allclose(frame["probability"] + frame["probability_2"], 1, atol=1e-6)
    assert frame["prediction_2"].iloc[0] == "blue"
    other = Model(colour_model(tmp_path / "other", confident=None), version="", threads=1)
    assert other.predict(RED)["unsure"].isna().all()
    for top in (0, -1, True, 1.5):
        with pytest.raises(ValueError, match="top is"):
            model.predict(RED, top=top)  # type: ignore[arg-type]


def test_a_thousand_classes_have_no_columns_unless_wished(tmp_path: Path) -> None:
    classes = ("blue", "red", *(f"c, {n}" for n in range(998)))
    model = Model(colour_model(tmp_path, classes=classes), version="", threads=1)
    assert len(model.predict(RED, top=3).columns) == 9
    assert len(model.predict(RED, probabilities=True).columns) == 1005


def test_nothing_is_an_empty_table(model: Model, tmp_path: Path) -> None:
    empty: list[Any] = [[], np.empty((0, 4, 4, 3), np.uint8), iter(())]
    for nothing in empty:
        frame = model.predict(nothing)
        assert frame.shape == (0, 7)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (None, TypeError, "images is None; needed: a path"),
        (7, TypeError, "images is an int"),
        ([PIXELS, 7], TypeError, r"images\[1\] is an int"),
        ([[1, 2], [3, 4]], TypeError, r"images\[0\] is a list"),
        ({"a": RED}, TypeError, "images is a dict"),
        (pd.DataFrame({"path": ["a.png"]}), TypeError, r"pass one column: table\['path'\]"),
        (io.StringIO("a"), TypeError, "mode 'rb'"),
        (PIXELS.transpose(2, 0, 1), ValueError, "pass array.transpose"),
        (np.zeros((2, 3, 4, 5, 6)), ValueError, r"images has the shape|images\[0\] has the shape"),
        (np.zeros((0, 5)), ValueError, "shape"),
        (np.zeros(5), ValueError, "shape"),
        (PIXELS.astype(np.float32), ValueError, r"float32 from .* floats are from 0 to 1.*astype\('uint8'\)"),
        (PIXELS / 255 - 0.5, ValueError, "Undo a normalisation"),
        (np.full((4, 4), np.nan), ValueError, "nan"),
        (PIXELS.astype(np.int32) * 2, ValueError, "integers are from 0 to 255"),
        (np.zeros((4, 4), complex), ValueError, "complex"),
    ],
)
def test_wrong_kinds_are_told(model: Model, value: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        model.predict(value)


def test_many_images_keep_their_order(model: Model) -> None:
    images = [RED if number % 3 else BLUE for number in range(101)]
    images[50] = b"broken"
    found = model.predict(iter(images))["prediction"].fillna("-").tolist()
    expected = ["red" if number % 3 else "blue" for number in range(101)]
    expected[50] = "-"
    assert found == expected
