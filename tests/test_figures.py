"""The figures are real pictures of sane size that show something, or nothing is written at all."""

import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

from darkroom.figures import confusion_figure, learning_curve_figure, mistakes_figure, per_class_figure
from darkroom.metrics import per_class_table

NAMES = ["airplane", "a|b_$x$", "a name that is far too long to be shown whole"]


@pytest.fixture(autouse=True)
def _no_warnings() -> None:
    warnings.simplefilter("error")


def _pixels(path: Path) -> NDArray[np.uint8]:
    """Read a PNG whole and check what holds for all figures."""
    with Image.open(path) as image:
        assert image.format == "PNG"
        pixels = np.asarray(image.convert("RGB"))
    height, width, _ = pixels.shape
    assert 1000 <= width <= 4000
    assert 200 <= height <= 5000
    assert pixels.std() > 1
    assert (pixels[0, 0] == 255).all(), "the paper is white"
    assert sorted(other.name for other in path.parent.iterdir()) == [path.name], "nothing left aside"
    return pixels


def _close_to(pixels: NDArray[np.uint8], colour: tuple[int, int, int]) -> int:
    return int((np.abs(pixels.astype(int) - colour).max(axis=2) <= 3).sum())


def _curve(epochs: int) -> pd.DataFrame:
    epoch = np.arange(1, epochs + 1)
    return pd.DataFrame(
        {
            "epoch": epoch,
            "train_loss": 2.0 / epoch,
            "train_accuracy": 1 - 0.6 / epoch,
            "validation_loss": 2.1 / epoch,
            "validation_accuracy": 1 - 0.7 / epoch,
            "learning_rate": 0.1 / epoch,
            "seconds": 1.0,
            "pictures_per_second": 1000.0,
        }
    )


def _table(recalls: list[float], support: int = 100) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "class": [f"class {place}" for place in range(len(recalls))],
            "precision": [0.5] * len(recalls),
            "recall": recalls,
            "f1": recalls,
            "support": [support] * len(recalls),
            "recall_low": [max(0.0, value - 0.05) for value in recalls],
            "recall_high": [min(1.0, value + 0.05) for value in recalls],
        }
    )


@pytest.mark.parametrize("size", [2, 3, 10, 20, 100])
def test_confusion_shades_the_diagonal(tmp_path: Path, size: int) -> None:
    labels = np.repeat(np.arange(size), 5)
    classes = (NAMES + [f"class {place}" for place in range(size)])[:size]
    confusion_figure(tmp_path / "right.png", labels, labels, classes)
    right = _pixels(tmp_path / "right.png")
    (tmp_path / "right.png").unlink()
    confusion_figure(tmp_path / "wrong.png", labels, (labels + 1) % size, classes)
    wrong = _pixels(tmp_path / "wrong.png")
    full = (0x00, 0x46, 0x6F)  # the shade of a cell that holds its whole row
    assert _close_to(right, full) > 1000
    # The whole row moved one to the right: as much shade, elsewhere.
    assert right.shape != wrong.shape or (right != wrong).any()
    assert _close_to(wrong, full) > 1000


def test_confusion_of_a_class_without_pictures(tmp_path: Path) -> None:
    confusion_figure(tmp_path / "c.png", np.array([0, 0]), np.array([0, 1]), NAMES)
    _pixels(tmp_path / "c.png")


@pytest.mark.parametrize(
    ("labels", "predictions", "message"),
    [([0, 3], [0, 1], "labels.*0 to 2.*3"), ([0, 1], [0, -1], "predictions.*-1"),
     ([0], [0, 1], r"\[1\] and \[2\]"), ([], [], r"\[0\]")],
)  # fmt: skip
def test_confusion_refuses(tmp_path: Path, labels: list[int], predictions: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        confusion_figure(tmp_path / "c.png", np.array(labels), np.array(predictions), NAMES)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("epochs", [1, 2, 40])
def test_learning_curve(tmp_path: Path, epochs: int) -> None:
    learning_curve_figure(tmp_path / "curve.png", _curve(epochs), epochs)
    pixels = _pixels(tmp_path / "curve.png")
    assert _close_to(pixels, (0x00, 0x72, 0xB2)) > 50, "validation is blue"
    assert _close_to(pixels, (0xD5, 0x5E, 0x00)) > 50, "training is orange"


def test_learning_curve_without_validation_pictures(tmp_path: Path) -> None:
    curve = _curve(4).assign(validation_loss=np.nan, validation_accuracy=np.nan)
    learning_curve_figure(tmp_path / "curve.png", curve, 4)
    pixels = _pixels(tmp_path / "curve.png")
    assert _close_to(pixels, (0x00, 0x72, 0xB2)) == 0, "nothing was validated"
    assert _close_to(pixels, (0xD5, 0x5E, 0x00)) > 50, "training is orange"


def test_learning_curve_refuses(tmp_path: Path) -> None:
    path = tmp_path / "curve.png"
    with pytest.raises(ValueError, match=r"best_epoch is 7, the curve has 1 to 3"):
        learning_curve_figure(path, _curve(3), 7)
    with pytest.raises(ValueError, match="lacks train_accuracy"):
        learning_curve_figure(path, _curve(3).drop(columns="train_accuracy"), 1)
    with pytest.raises(ValueError, match="no rows"):
        learning_curve_figure(path, _curve(0), 1)
    assert not list(tmp_path.iterdir())


def test_per_class_bars_grow_with_recall(tmp_path: Path) -> None:
    bar = (0x8F, 0xC1, 0xE0)
    per_class_figure(tmp_path / "p.png", _table([0.9, 0.2, 0.6]))
    pixels = _pixels(tmp_path / "p.png")
    long = (np.abs(pixels.astype(int) - bar).max(axis=2) <= 3).sum(axis=1)
    rows = np.flatnonzero(long > 50)
    assert long[rows[2]] > 2 * long[rows[-3]], "the best class is on top, the worst at the bottom"
    assert long[rows[2]] == pytest.approx(4.5 * long[rows[-3]], rel=0.05), "bars start at 0"


def test_per_class_of_many_and_of_unseen_classes(tmp_path: Path) -> None:
    per_class_figure(tmp_path / "p.png", _table(list(np.linspace(0, 1, 100))))
    _pixels(tmp_path / "p.png")
    table = per_class_table(np.eye(3, dtype=np.float32)[:2], np.array([0, 0]), classes=NAMES)
    per_class_figure(tmp_path / "p.png", table)
    _pixels(tmp_path / "p.png")


def test_per_class_refuses(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lacks recall_low"):
        per_class_figure(tmp_path / "p.png", _table([0.5]).drop(columns="recall_low"))
    with pytest.raises(ValueError, match="no rows"):
        per_class_figure(tmp_path / "p.png", _table([]))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("count", [1, 7])
def test_mistakes_are_enlarged_pixel_by_pixel(tmp_path: Path, channels: int, count: int) -> None:
    images = np.zeros((count, 4, 4, channels), dtype=np.uint8)
    images[:, ::2, ::2] = 200
    path = tmp_path / "m.png"
    mistakes_figure(path, images, NAMES[:1] * count, NAMES[2:] * count, [1.0] + [0.5] * (count - 1))
    pixels = _pixels(path)
    # Of each picture 4 of 16 pixels are light, 12 black; smoothing would give neither in such numbers.
    light, black = _close_to(pixels, (200, 200, 200)), _close_to(pixels, (0, 0, 0))
    assert light > 10_000 * count
    assert black == pytest.approx(3 * light, rel=0.03)


def test_no_mistakes_is_said(tmp_path: Path) -> None:
    mistakes_figure(tmp_path / "m.png", np.zeros((0, 8, 8, 1), dtype=np.uint8), [], [], [])
    assert (_pixels(tmp_path / "m.png") < 100).any(), "there is text"


@pytest.mark.parametrize(
    ("images", "confidence", "message"),
    [
        (np.zeros((1, 4, 4, 2), np.uint8), [0.5], r"\[1, 4, 4, 2\]"),
        (np.zeros((1, 4, 4, 3), np.float32), [0.5], "float32"),
        (np.zeros((2, 4, 4, 3), np.uint8), [0.5], r"\[2, 1, 1, 1\]"),
        (np.zeros((1, 4, 4, 3), np.uint8), [97.0], r"97\.0"),
        (np.zeros((1, 4, 4, 3), np.uint8), [float("nan")], "nan"),
    ],
)
def test_mistakes_refuses(
    tmp_path: Path, images: NDArray[np.uint8], confidence: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        mistakes_figure(tmp_path / "m.png", images, ["a"], ["b"], confidence)
    assert not list(tmp_path.iterdir())


def test_an_error_while_drawing_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "curve.png"
    path.write_bytes(b"before")

    def fails(*_args: object, **_options: object) -> None:
        _args[1].write(b"half a picture")  # type: ignore[attr-defined]
        raise OSError("disk full")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", fails)
    with pytest.raises(OSError, match="disk full"):
        learning_curve_figure(path, _curve(2), 1)
    assert path.read_bytes() == b"before"
    assert [other.name for other in tmp_path.iterdir()] == ["curve.png"]


def test_the_same_numbers_give_the_same_bytes_whatever_the_settings(tmp_path: Path) -> None:
    learning_curve_figure(tmp_path / "a.png", _curve(3), 2)
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        learning_curve_figure(tmp_path / "b.png", _curve(3), 2)
        assert mpl.rcParams["font.size"] == 30, "a caller's settings stay as they are"
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
