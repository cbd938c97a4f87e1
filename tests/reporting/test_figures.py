"""The figures are real images of sane size that show something, or nothing is written at all."""

import itertools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from numpy.typing import NDArray
from PIL import Image

from darkroom.evaluation.intervals import wilson_interval
from darkroom.evaluation.per_class import per_class_table
from darkroom.reporting.figures.confusion import confusion_figure
from darkroom.reporting.figures.corruptions import corruptions_figure
from darkroom.reporting.figures.coverage import coverage_figure
from darkroom.reporting.figures.galleries import gallery_figure, misclassified_figure, pairs_figure
from darkroom.reporting.figures.learning_curve import learning_curve_figure
from darkroom.reporting.figures.per_class import per_class_figure
from darkroom.reporting.figures.reliability import reliability_figure
from darkroom.reporting.figures.slices import slices_figure

BLUE, ORANGE, PALE, BAND = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00), (0x8F, 0xC1, 0xE0), (0xBC, 0xD9, 0xEC)
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


def _is(pixels: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    return np.asarray(np.abs(pixels.astype(int) - colour).max(axis=2) <= 3)


def _close_to(pixels: NDArray[np.uint8], colour: tuple[int, int, int]) -> int:
    return int(_is(pixels, colour).sum())


def _middle(pixels: NDArray[np.uint8], colour: tuple[int, int, int]) -> tuple[float, float]:
    """Return the mean row and column of the pixels of a colour; the legend below is left out."""
    rows, columns = np.nonzero(_is(pixels[:-100], colour))
    assert len(rows) > 50
    return float(rows.mean()), float(columns.mean())


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[Text, Bbox]:
    """Hold the texts of the last figure drawn and where they stand."""
    found: dict[Text, Bbox] = {}
    draw_figure, draw_text = Figure.draw, Text.draw

    def anew(figure: Figure, renderer: RendererBase) -> None:
        found.clear()  # the layout may draw more than once
        draw_figure(figure, renderer)

    def noted(text: Text, renderer: RendererBase) -> None:
        draw_text(text, renderer)
        if text.get_visible() and text.get_text().strip():
            found[text] = Text.get_window_extent(text, renderer)

    monkeypatch.setattr(Figure, "draw", anew)
    monkeypatch.setattr(Text, "draw", noted)
    return found


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
            "images_per_second": 1000.0,
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


def _shares(right: list[int], images: int) -> dict[str, Any]:
    intervals = [wilson_interval(number, images) for number in right]
    return {
        "images": [images] * len(right),
        "accuracy": [number / images for number in right],
        "accuracy_low": [low for low, _ in intervals],
        "accuracy_high": [high for _, high in intervals],
    }


def _bins(right: list[int], images: int = 100) -> pd.DataFrame:
    """Return as many bins, from just above 0 up to 1, each with its mean confidence in its middle."""
    edges = np.linspace(0, 1, len(right) + 1)
    middle = (edges[:-1] + edges[1:]) / 2
    ends = {"low": edges[:-1], "high": edges[1:], "confidence": middle}
    return pd.DataFrame(ends | _shares(right, images))


def _selective(rows: int) -> pd.DataFrame:
    threshold = np.linspace(0.1, 0.99, rows)
    coverage = np.linspace(1, 0.02, rows)
    return pd.DataFrame({"threshold": threshold, "coverage": coverage, "accuracy": 1 - 0.1 * coverage**2})


def _corruptions(names: list[str], images: int = 1000) -> pd.DataFrame:
    right = [round(images * (0.95 - 0.12 * strength)) for strength in range(1, 6)]
    rows = pd.DataFrame({"strength": range(1, 6)} | _shares(right, images))
    return pd.concat([rows.assign(corruption=name) for name in names])


def _slices(classes: int, images: int = 100) -> pd.DataFrame:
    right = [round(images * (0.5 + 0.5 * place / classes)) for place in range(1, classes + 1)]
    parts = [pd.DataFrame({"slice": "class"} | _shares(right, images))]
    parts += [pd.DataFrame({"slice": name} | _shares([70] * 5, 100)) for name in ("brightness", "confidence")]
    table = pd.concat(parts)
    return table.assign(group=[f"group {place}" for place in range(len(table))])


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


def test_confusion_of_a_class_without_images(tmp_path: Path) -> None:
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


def test_learning_curve_without_validation_images(tmp_path: Path) -> None:
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
    misclassified_figure(path, images, NAMES[:1] * count, NAMES[2:] * count, [1.0] + [0.5] * (count - 1))
    pixels = _pixels(path)
    # Of each image 4 of 16 pixels are light, 12 black; smoothing would give neither in such numbers.
    light, black = _close_to(pixels, (200, 200, 200)), _close_to(pixels, (0, 0, 0))
    assert light > 10_000 * count
    assert black == pytest.approx(3 * light, rel=0.03)


def test_no_mistakes_is_said(tmp_path: Path) -> None:
    misclassified_figure(tmp_path / "m.png", np.zeros((0, 8, 8, 1), dtype=np.uint8), [], [], [])
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
        misclassified_figure(tmp_path / "m.png", images, ["a"], ["b"], confidence)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("count", [1, 7])
def test_gallery_shows_images_under_captions(tmp_path: Path, count: int) -> None:
    images = np.full((count, 4, 6, 3), (10, 200, 30), dtype=np.uint8)
    path = tmp_path / "g.png"
    gallery_figure(path, images, [("cat? (97 %)", "labelled dog")] * count, title="look", none="none")
    pixels = _pixels(path)
    assert _close_to(pixels, (10, 200, 30)) > 25_000 * count
    assert _close_to(pixels, ORANGE) > 50 * count, "the first line is marked"
    gallery_figure(path, images, [("", "")] * count, title="look", none="none")
    assert _close_to(_pixels(path), ORANGE) == 0


def test_pairs_stand_side_by_side(tmp_path: Path) -> None:
    left, right = np.full((1, 4, 4, 1), 200, np.uint8), np.full((1, 4, 4, 1), 90, np.uint8)
    path = tmp_path / "p.png"
    for count in (1, 5):
        pairs = (left.repeat(count, axis=0), right.repeat(count, axis=0))
        pairs_figure(path, *pairs, [("0.98 alike", "cat")] * count, title="pairs", none="none")
        pixels = _pixels(path)
        light, dark = _close_to(pixels, (200, 200, 200)), _close_to(pixels, (90, 90, 90))
        assert light > 25_000 * count
        assert dark == pytest.approx(light, rel=0.03)
    pairs_figure(path, left, right, [("0.98 alike", "cat")], title="pairs", none="none")
    (upper, first), (lower, second) = (
        _middle(_pixels(path), colour) for colour in ((200, 200, 200), (90, 90, 90))
    )
    assert upper == pytest.approx(lower, abs=2)
    assert first < second - 150


def test_galleries_say_that_there_is_nothing(tmp_path: Path, drawn: dict[Text, Bbox]) -> None:
    empty = np.zeros((0, 8, 8, 3), dtype=np.uint8)
    gallery_figure(tmp_path / "g.png", empty, [], title="look", none="No label looks wrong.")
    _pixels(tmp_path / "g.png")
    assert [text.get_text() for text in drawn] == ["No label looks wrong."]
    (tmp_path / "g.png").unlink()
    pairs_figure(tmp_path / "p.png", empty, empty, [], title="look", none="No pair is alike.")
    _pixels(tmp_path / "p.png")
    assert [text.get_text() for text in drawn] == ["No pair is alike."]


def test_galleries_refuse(tmp_path: Path) -> None:
    path, said = tmp_path / "g.png", {"title": "look", "none": "none"}
    one, two = np.zeros((1, 4, 4, 3), np.uint8), np.zeros((2, 4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match=r"images.*uint8 \[1, 4, 4\]"):
        gallery_figure(path, one[..., 0], [("a", "b")], **said)
    with pytest.raises(ValueError, match=r"equally many, got \[2, 1\]"):
        gallery_figure(path, two, [("a", "b")], **said)
    with pytest.raises(ValueError, match=r"right must be uint8.*float64"):
        pairs_figure(path, one, one / 255, [("a", "b")], **said)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"same shape, got \[1, 4, 4, 3\] and \[2, 4, 4, 3\]"):
        pairs_figure(path, one, two, [("a", "b")], **said)
    with pytest.raises(ValueError, match=r"equally many, got \[1, 2\]"):
        pairs_figure(path, one, one, [("a", "b")] * 2, **said)
    assert not list(tmp_path.iterdir())


def test_reliability_marks_the_bins_off_the_line(tmp_path: Path) -> None:
    path = tmp_path / "r.png"
    reliability_figure(path, _bins([10, 30, 50, 70, 90]), error=0.0, temperature=1.0)
    pixels = _pixels(path)
    assert _close_to(pixels, BLUE) > 500, "on the line"
    assert _close_to(pixels, ORANGE) == 0
    assert _close_to(pixels, PALE) > 5 * 5000, "the images of five bins"
    reliability_figure(path, _bins([0, 0, 0, 0, 10]), error=0.4, temperature=0.5)
    pixels = _pixels(path)
    assert _close_to(pixels, ORANGE) > 500, "far overconfident"


def test_reliability_points_rise_with_accuracy(tmp_path: Path) -> None:
    path, rows = tmp_path / "r.png", []
    for right in (5000, 9000):
        table = _bins([right], 10_000)
        reliability_figure(path, table.assign(confidence=right / 10_000), error=0.01, temperature=1.3)
        rows.append(_middle(_pixels(path), BLUE))
    (low, left), (high, right_side) = rows
    assert high < low - 150
    assert right_side > left + 300


@pytest.mark.parametrize("bins", [1, 20, 100])
def test_reliability_of_few_and_of_many_bins(tmp_path: Path, bins: int) -> None:
    reliability_figure(tmp_path / "r.png", _bins([3] * bins, 3), error=1.0, temperature=0.05)
    _pixels(tmp_path / "r.png")


def test_reliability_refuses(tmp_path: Path) -> None:
    path, table = tmp_path / "r.png", _bins([10, 90])
    with pytest.raises(ValueError, match="lacks confidence; it has low"):
        reliability_figure(path, table.drop(columns="confidence"), error=0.1, temperature=1.0)
    with pytest.raises(ValueError, match="no rows"):
        reliability_figure(path, table[:0], error=0.1, temperature=1.0)
    with pytest.raises(ValueError, match=r"confidence must be 0 to 1, got 50\.0"):
        reliability_figure(path, table.assign(confidence=50.0), error=0.1, temperature=1.0)
    with pytest.raises(ValueError, match=r"error must be 0 to 1, got 7\.5"):
        reliability_figure(path, table, error=7.5, temperature=1.0)
    for temperature in (0.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"temperature.*{temperature}"):
            reliability_figure(path, table, error=0.1, temperature=temperature)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("rows", [1, 5, 200])
def test_coverage_marks_the_threshold(tmp_path: Path, rows: int) -> None:
    path, curve = tmp_path / "c.png", _selective(rows)
    coverage_figure(path, curve, threshold=None, confident_accuracy=0.99)
    pixels = _pixels(path)
    assert _close_to(pixels, BLUE) > 50
    assert _close_to(pixels, ORANGE) == 0, "no threshold, no mark"
    coverage_figure(path, curve, threshold=float(curve["threshold"].iloc[0]), confident_accuracy=0.99)
    _, wide = _middle(_pixels(path), ORANGE)
    if rows > 1:
        coverage_figure(path, curve, threshold=float(curve["threshold"].iloc[-1]), confident_accuracy=0.99)
        _, narrow = _middle(_pixels(path), ORANGE)
        assert narrow < wide - 500, "a higher threshold answers fewer"


def test_coverage_tells_the_first_row_not_below_the_threshold(
    tmp_path: Path, drawn: dict[Text, Bbox]
) -> None:
    curve = pd.DataFrame(
        {
            "threshold": [0.2, 0.5, 0.9, 1.0],
            "coverage": [1.0, 0.8, 0.5, 0.0],
            "accuracy": [0.8, 0.9, 0.99, np.nan],
        }
    )
    path = tmp_path / "c.png"
    for threshold, said in (
        (0.5, "80.0 % answered, 90.00 % of them right"),
        (0.51, "50.0 % answered, 99.00 % of them right"),
        (0.95, "no image is so confident"),
    ):
        coverage_figure(path, curve, threshold=threshold, confident_accuracy=0.9)
        _pixels(path)
        assert f"threshold {threshold}\n{said}" in [text.get_text() for text in drawn]
    coverage_figure(path, curve, threshold=None, confident_accuracy=0.995)
    told = [text.get_text() for text in drawn]
    assert "no threshold makes 99.5 % of the answered validation images right" in told
    coverage_figure(path, curve, threshold=None, confident_accuracy=None)  # after a final fit
    told = [text.get_text() for text in drawn]
    assert any(text.endswith("; no threshold was chosen") for text in told)
    assert not any("answered," in text for text in told)


def test_coverage_where_all_is_right(tmp_path: Path) -> None:
    curve = _selective(50).assign(accuracy=1.0)
    coverage_figure(tmp_path / "c.png", curve, threshold=0.1, confident_accuracy=1.0)
    assert _close_to(_pixels(tmp_path / "c.png"), ORANGE) > 50


def test_coverage_refuses(tmp_path: Path) -> None:
    path, curve = tmp_path / "c.png", _selective(5)
    with pytest.raises(ValueError, match="lacks coverage"):
        coverage_figure(path, curve.drop(columns="coverage"), threshold=None, confident_accuracy=0.9)
    with pytest.raises(ValueError, match="no rows"):
        coverage_figure(path, curve[:0], threshold=None, confident_accuracy=0.9)
    with pytest.raises(ValueError, match="falling coverage"):
        coverage_figure(path, curve[::-1], threshold=None, confident_accuracy=0.9)
    with pytest.raises(ValueError, match="every coverage is 0"):
        coverage_figure(path, curve.assign(coverage=0.0), threshold=None, confident_accuracy=0.9)
    with pytest.raises(ValueError, match="accuracy must be 0 to 1, got nan"):
        coverage_figure(path, curve.assign(accuracy=np.nan), threshold=None, confident_accuracy=0.9)
    with pytest.raises(ValueError, match=r"confident_accuracy.*99\.0"):
        coverage_figure(path, curve, threshold=None, confident_accuracy=99.0)
    with pytest.raises(ValueError, match=r"threshold.*-1"):
        coverage_figure(path, curve, threshold=-1.0, confident_accuracy=0.9)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("count", [1, 3, 5, 19])
def test_corruptions_have_a_panel_each(tmp_path: Path, drawn: dict[Text, Bbox], count: int) -> None:
    names = [f"noise {place}" for place in range(count)]
    corruptions_figure(tmp_path / "c.png", _corruptions(names), clean=0.95)
    pixels = _pixels(tmp_path / "c.png")
    assert _close_to(pixels, BLUE) > 500 * count
    told = [text.get_text() for text in drawn]
    assert [text for text in told if text in names] == names, "in the table's order"
    assert "accuracy by strength of corruption; mean corruption accuracy 59.0 %" in told


def test_corruptions_band_is_the_interval(tmp_path: Path) -> None:
    bands = []
    for images in (50, 5000):
        corruptions_figure(tmp_path / "c.png", _corruptions(["blur"], images), clean=0.95)
        bands.append(_close_to(_pixels(tmp_path / "c.png"), BAND))
    assert bands[0] > 3 * bands[1] > 0, "fewer images, a wider interval"


def test_corruptions_refuses(tmp_path: Path) -> None:
    path, table = tmp_path / "c.png", _corruptions(["blur"])
    with pytest.raises(ValueError, match="lacks strength"):
        corruptions_figure(path, table.drop(columns="strength"), clean=0.9)
    with pytest.raises(ValueError, match="no rows"):
        corruptions_figure(path, table[:0], clean=0.9)
    with pytest.raises(ValueError, match=r"accuracy_high.*1\.5"):
        corruptions_figure(path, table.assign(accuracy_high=1.5), clean=0.9)
    with pytest.raises(ValueError, match=r"clean.*nan"):
        corruptions_figure(path, table, clean=float("nan"))
    assert not list(tmp_path.iterdir())


def test_slices_mark_what_is_surely_worse(tmp_path: Path) -> None:
    path, table = tmp_path / "s.png", _slices(4)
    slices_figure(path, table.assign(accuracy=0.7, accuracy_low=0.6, accuracy_high=0.8))
    pixels = _pixels(path)
    assert _close_to(pixels, BLUE) > 500
    assert _close_to(pixels, ORANGE) == 0
    columns = []
    for accuracy in (0.1, 0.4):  # the last group of 100 among 400 that are right by 0.8125 on the whole
        one = table.assign(group=table["group"].replace("group 13", "last"))
        chosen = one["group"] == "last"
        for column, value in (("accuracy", 0), ("accuracy_low", -0.05), ("accuracy_high", 0.05)):
            one[column] = one[column].where(~chosen, accuracy + value)
        one.loc[~chosen, "accuracy_high"] = 1.0
        one.loc[~chosen, "accuracy_low"] = 0.0
        slices_figure(path, one)
        columns.append(_middle(_pixels(path), ORANGE)[1])
    assert columns[1] > columns[0] + 150, "the righter, the further right"


def test_slices_of_many_groups_and_of_none(tmp_path: Path, drawn: dict[Text, Bbox]) -> None:
    table = _slices(120)
    table["images"] = table["images"].where(table["group"] != "group 7", 0)
    unknown = ["accuracy", "accuracy_low", "accuracy_high"]
    table[unknown] = table[unknown].where(table["images"] > 0)
    slices_figure(tmp_path / "s.png", table)
    _pixels(tmp_path / "s.png")
    told = [text.get_text() for text in drawn]
    assert told.count("no images") == 1
    assert [text for text in told if text.startswith("by ")] == ["by class", "by brightness", "by confidence"]
    assert all(group in told for group in table["group"])


def test_slices_refuses(tmp_path: Path) -> None:
    path, table = tmp_path / "s.png", _slices(3)
    with pytest.raises(ValueError, match="lacks group"):
        slices_figure(path, table.drop(columns="group"))
    with pytest.raises(ValueError, match="no rows"):
        slices_figure(path, table[:0])
    with pytest.raises(ValueError, match="accuracy must be 0 to 1, got nan"):
        slices_figure(path, table.assign(accuracy=np.nan))
    with pytest.raises(ValueError, match="'class' has no images"):
        slices_figure(path, table.assign(images=0))
    assert not list(tmp_path.iterdir())


LONG = NAMES[2]
IMAGES = np.zeros((6, 4, 4, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "draw",
    [
        lambda path: reliability_figure(path, _bins([9_000] * 15, 10_000), error=0.0123, temperature=1.234),
        lambda path: reliability_figure(path, _bins([90] * 20, 100_000), error=0.0123, temperature=1.234),
        lambda path: coverage_figure(path, _selective(200), threshold=0.1, confident_accuracy=0.99),
        lambda path: coverage_figure(path, _selective(200), threshold=0.55, confident_accuracy=0.99),
        lambda path: coverage_figure(path, _selective(200), threshold=0.98, confident_accuracy=0.5),
        lambda path: coverage_figure(path, _selective(1), threshold=None, confident_accuracy=0.995),
        lambda path: corruptions_figure(path, _corruptions(["elastic transform", *"abc"]), clean=0.95),
        lambda path: corruptions_figure(path, _corruptions([LONG, *"abcdefghijklmnopqr"]), clean=0.95),
        lambda path: corruptions_figure(path, _corruptions([LONG]), clean=0.95),
        lambda path: slices_figure(path, _slices(10)),
        lambda path: slices_figure(path, _slices(120, 10_000).assign(group=LONG)),
        lambda path: misclassified_figure(path, IMAGES, ["W" * 20] * 6, ["W" * 20] * 6, [1.0] * 6),
        lambda path: gallery_figure(path, IMAGES, [(LONG, LONG)] * 6, title=LONG * 4, none=""),
        lambda path: pairs_figure(path, IMAGES, IMAGES, [(LONG, LONG)] * 6, title=LONG * 4, none=""),
        lambda path: gallery_figure(path, IMAGES[:0], [], title="", none=LONG * 4),
    ],
)
def test_texts_stand_apart_and_inside(
    tmp_path: Path, drawn: dict[Text, Bbox], draw: Callable[[Path], None]
) -> None:
    draw(tmp_path / "f.png")
    pixels = _pixels(tmp_path / "f.png")
    assert drawn
    for text, box in drawn.items():
        inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= pixels.shape[1] and box.y1 <= pixels.shape[0]
        assert inside, f"{text.get_text()!r} leaves the figure"
    for (one, box), (other, second) in itertools.combinations(drawn.items(), 2):
        across = min(box.x1, second.x1) - max(box.x0, second.x0)
        along = min(box.y1, second.y1) - max(box.y0, second.y0)
        # A box is as high as a line with its accents and tails: two may touch.
        assert across <= 1 or along <= 3, f"{one.get_text()!r} lies on {other.get_text()!r}"


def test_an_error_while_drawing_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "curve.png"
    path.write_bytes(b"before")

    def fails(*_args: object, **_options: object) -> None:
        _args[1].write(b"half an image")  # type: ignore[attr-defined]
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
