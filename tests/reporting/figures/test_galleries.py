"""Galleries show each image unchanged, or state that there is none."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from darkroom.reporting.figures.galleries import gallery_figure, misclassified_figure, pairs_figure
from tests.helpers.figures import NAMES, ORANGE, count_pixels, middle_of, read_pixels

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("count", [1, 7])
def test_misclassified_images_are_enlarged_pixel_by_pixel(tmp_path: Path, channels: int, count: int) -> None:
    images = np.zeros((count, 4, 4, channels), dtype=np.uint8)
    images[:, ::2, ::2] = 200
    path = tmp_path / "m.png"
    misclassified_figure(path, images, NAMES[:1] * count, NAMES[2:] * count, [1.0] + [0.5] * (count - 1))
    pixels = read_pixels(path)
    # Of each image 4 of 16 pixels are light, 12 black; smoothing would give neither in such numbers.
    light, black = count_pixels(pixels, (200, 200, 200)), count_pixels(pixels, (0, 0, 0))
    assert light > 10_000 * count
    assert black == pytest.approx(3 * light, rel=0.03)


def test_no_misclassified_images_are_stated(tmp_path: Path) -> None:
    misclassified_figure(tmp_path / "m.png", np.zeros((0, 8, 8, 1), dtype=np.uint8), [], [], [])
    assert (read_pixels(tmp_path / "m.png") < 100).any(), "there is text"


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
def test_misclassified_images_that_cannot_be_drawn_are_rejected(
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
    pixels = read_pixels(path)
    assert count_pixels(pixels, (10, 200, 30)) > 25_000 * count
    assert count_pixels(pixels, ORANGE) > 50 * count, "the first line is marked"
    gallery_figure(path, images, [("", "")] * count, title="look", none="none")
    assert count_pixels(read_pixels(path), ORANGE) == 0


def test_pairs_stand_side_by_side(tmp_path: Path) -> None:
    left, right = np.full((1, 4, 4, 1), 200, np.uint8), np.full((1, 4, 4, 1), 90, np.uint8)
    path = tmp_path / "p.png"
    for count in (1, 5):
        pairs = (left.repeat(count, axis=0), right.repeat(count, axis=0))
        pairs_figure(path, *pairs, [("0.98 alike", "cat")] * count, title="pairs", none="none")
        pixels = read_pixels(path)
        light, dark = count_pixels(pixels, (200, 200, 200)), count_pixels(pixels, (90, 90, 90))
        assert light > 25_000 * count
        assert dark == pytest.approx(light, rel=0.03)
    pairs_figure(path, left, right, [("0.98 alike", "cat")], title="pairs", none="none")
    (upper, first), (lower, second) = (
        middle_of(read_pixels(path), colour) for colour in ((200, 200, 200), (90, 90, 90))
    )
    assert upper == pytest.approx(lower, abs=2)
    assert first < second - 150


def test_an_empty_gallery_states_that_it_is_empty(tmp_path: Path, drawn: dict[Text, Bbox]) -> None:
    empty = np.zeros((0, 8, 8, 3), dtype=np.uint8)
    gallery_figure(tmp_path / "g.png", empty, [], title="look", none="No label looks wrong.")
    read_pixels(tmp_path / "g.png")
    assert [text.get_text() for text in drawn] == ["No label looks wrong."]
    (tmp_path / "g.png").unlink()
    pairs_figure(tmp_path / "p.png", empty, empty, [], title="look", none="No pair is alike.")
    read_pixels(tmp_path / "p.png")
    assert [text.get_text() for text in drawn] == ["No pair is alike."]


def test_galleries_that_cannot_be_drawn_are_rejected(tmp_path: Path) -> None:
    path, texts = tmp_path / "g.png", {"title": "look", "none": "none"}
    one, two = np.zeros((1, 4, 4, 3), np.uint8), np.zeros((2, 4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match=r"images.*uint8 \[1, 4, 4\]"):
        gallery_figure(path, one[..., 0], [("a", "b")], **texts)
    with pytest.raises(ValueError, match=r"equally many, got \[2, 1\]"):
        gallery_figure(path, two, [("a", "b")], **texts)
    with pytest.raises(ValueError, match=r"right must be uint8.*float64"):
        pairs_figure(path, one, one / 255, [("a", "b")], **texts)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"same shape, got \[1, 4, 4, 3\] and \[2, 4, 4, 3\]"):
        pairs_figure(path, one, two, [("a", "b")], **texts)
    with pytest.raises(ValueError, match=r"equally many, got \[1, 2\]"):
        pairs_figure(path, one, one, [("a", "b")] * 2, **texts)
    assert not list(tmp_path.iterdir())
