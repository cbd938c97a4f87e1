"""What holds for all figures: legible texts, whole files, equal bytes."""

import itertools
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from darkroom.reporting.figures.corruptions import corruptions_figure
from darkroom.reporting.figures.coverage import coverage_figure
from darkroom.reporting.figures.galleries import gallery_figure, misclassified_figure, pairs_figure
from darkroom.reporting.figures.learning_curve import learning_curve_figure
from darkroom.reporting.figures.reliability import reliability_figure
from darkroom.reporting.figures.slices import slices_figure
from tests.helpers.figures import (
    NAMES,
    corruption_table,
    learning_curve,
    read_pixels,
    reliability_bins,
    selective_curve,
    slice_table,
)

pytestmark = pytest.mark.filterwarnings("error")


LONG = NAMES[2]
IMAGES = np.zeros((6, 4, 4, 3), dtype=np.uint8)


@pytest.mark.integration
@pytest.mark.parametrize(
    "draw",
    [
        lambda path: reliability_figure(
            path, reliability_bins([9_000] * 15, 10_000), error=0.0123, temperature=1.234
        ),
        lambda path: reliability_figure(
            path, reliability_bins([90] * 20, 100_000), error=0.0123, temperature=1.234
        ),
        lambda path: coverage_figure(path, selective_curve(200), threshold=0.1, confident_accuracy=0.99),
        lambda path: coverage_figure(path, selective_curve(200), threshold=0.55, confident_accuracy=0.99),
        lambda path: coverage_figure(path, selective_curve(200), threshold=0.98, confident_accuracy=0.5),
        lambda path: coverage_figure(path, selective_curve(1), threshold=None, confident_accuracy=0.995),
        lambda path: corruptions_figure(path, corruption_table(["elastic transform", *"abc"]), clean=0.95),
        lambda path: corruptions_figure(path, corruption_table([LONG, *"abcdefghijklmnopqr"]), clean=0.95),
        lambda path: corruptions_figure(path, corruption_table([LONG]), clean=0.95),
        lambda path: slices_figure(path, slice_table(10)),
        lambda path: slices_figure(path, slice_table(120, 10_000).assign(group=LONG)),
        lambda path: misclassified_figure(path, IMAGES, ["W" * 20] * 6, ["W" * 20] * 6, [1.0] * 6),
        lambda path: gallery_figure(path, IMAGES, [(LONG, LONG)] * 6, title=LONG * 4, none=""),
        lambda path: pairs_figure(path, IMAGES, IMAGES, [(LONG, LONG)] * 6, title=LONG * 4, none=""),
        lambda path: gallery_figure(path, IMAGES[:0], [], title="", none=LONG * 4),
    ],
)
def test_texts_are_inside_the_figure_and_do_not_overlap(
    tmp_path: Path, drawn: dict[Text, Bbox], draw: Callable[[Path], None]
) -> None:
    draw(tmp_path / "f.png")
    pixels = read_pixels(tmp_path / "f.png")
    assert drawn
    for text, box in drawn.items():
        inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= pixels.shape[1] and box.y1 <= pixels.shape[0]
        assert inside, f"{text.get_text()!r} leaves the figure"
    for (one, box), (other, second) in itertools.combinations(drawn.items(), 2):
        across = min(box.x1, second.x1) - max(box.x0, second.x0)
        along = min(box.y1, second.y1) - max(box.y0, second.y0)
        # A box is as high as a line with its accents and tails: two may touch.
        assert across <= 1 or along <= 3, f"{one.get_text()!r} overlaps {other.get_text()!r}"


def test_an_error_while_drawing_leaves_the_earlier_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "curve.png"
    path.write_bytes(b"before")

    def fails(*_args: object, **_options: object) -> None:
        _args[1].write(b"half an image")  # type: ignore[attr-defined]
        raise OSError("disk full")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", fails)
    with pytest.raises(OSError, match="disk full"):
        learning_curve_figure(path, learning_curve(2), 1)
    assert path.read_bytes() == b"before"
    assert [other.name for other in tmp_path.iterdir()] == ["curve.png"]


def test_equal_numbers_give_equal_bytes_whatever_the_users_settings(tmp_path: Path) -> None:
    learning_curve_figure(tmp_path / "a.png", learning_curve(3), 2)
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        learning_curve_figure(tmp_path / "b.png", learning_curve(3), 2)
        assert mpl.rcParams["font.size"] == 30, "a caller's settings stay as they are"
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
