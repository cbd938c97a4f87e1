"""Galleries of images, alone or in pairs, under captions."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from numpy.typing import NDArray

from darkroom.reporting.figures.checks import require_images, require_share
from darkroom.reporting.figures.style import FAINT, INK, ORANGE, WIDTH, format_share, open_png, shortened


def misclassified_figure(
    path: Path,
    images: NDArray[np.uint8],
    actual: list[str],
    predicted: list[str],
    confidence: list[float],
) -> None:
    """Draw misclassified images in the order given, up to five a row; a sentence where there are none.

    Args:
        path: of the PNG.
        images: uint8 [n, H, W, C], C 1 (grey) or 3 (RGB); enlarged pixel by pixel.
        actual: n names, the labels.
        predicted: n names, the predicted classes.
        confidence: n probabilities of those predictions, 0..1.

    Raises:
        ValueError: the lengths differ, or the shape, the type or a confidence is not as described.
    """
    images = np.asarray(images)
    require_images("images", images)
    lengths = [len(images), len(actual), len(predicted), len(confidence)]
    if len(set(lengths)) > 1:
        raise ValueError(f"images, actual, predicted and confidence must be equally many, got {lengths}")
    for value in confidence:
        require_share("confidence", value)
    captions = []
    for label, name, value in zip(actual, predicted, confidence, strict=True):
        first = f"{shortened(name, 12)} ({format_share(min(value, 1), 0)})"
        captions.append((first, f"is {shortened(label, 17)}"))
    gallery_figure(
        path,
        images,
        captions,
        title="misclassified images: the predicted class (its confidence) and the actual one",
        none="No image was misclassified.",
    )


def gallery_figure(
    path: Path, images: NDArray[np.uint8], captions: Sequence[tuple[str, str]], *, title: str, none: str
) -> None:
    """Draw a gallery in the order given, up to five a row, with two lines above each image.

    Args:
        path: of the PNG.
        images: uint8 [n, H, W, C], C 1 (grey) or 3 (RGB); enlarged pixel by pixel.
        captions: n times two lines: the first is marked, orange and bold. Each is cut after 24 characters
            and set smaller where it is still too wide.
        title: what the gallery shows.
        none: the sentence to show where there are no images.

    Raises:
        ValueError: the shape or the type is not as described, or there are more or fewer captions.
    """
    images = np.asarray(images)
    require_images("images", images)
    if len(images) != len(captions):
        raise ValueError(f"images and captions must be equally many, got {[len(images), len(captions)]}")
    _gallery(path, [images], captions, columns=5, most=24, title=title, none=none)


def pairs_figure(
    path: Path,
    left: NDArray[np.uint8],
    right: NDArray[np.uint8],
    captions: Sequence[tuple[str, str]],
    *,
    title: str,
    none: str,
) -> None:
    """Draw pairs of images side by side in the order given, up to three pairs a row.

    Args:
        path: of the PNG.
        left: uint8 [n, H, W, C], C 1 (grey) or 3 (RGB); enlarged pixel by pixel.
        right: as `left`, of the same shape: the image that resembles each one on the left.
        captions: n times two lines: the first is marked, orange and bold. Each is cut after 34 characters
            and set smaller where it is still too wide.
        title: what the pairs show, and which image is on the left.
        none: the sentence to show where there are no pairs.

    Raises:
        ValueError: the shapes or the types are not as described, or there are more or fewer captions.
    """
    left, right = np.asarray(left), np.asarray(right)
    require_images("left", left)
    require_images("right", right)
    if left.shape != right.shape:
        raise ValueError(
            f"left and right must have the same shape, got {list(left.shape)} and {list(right.shape)}"
        )
    if len(left) != len(captions):
        raise ValueError(f"pairs and captions must be equally many, got {[len(left), len(captions)]}")
    _gallery(path, [left, right], captions, columns=3, most=34, title=title, none=none)


def _gallery(
    path: Path,
    sets: Sequence[NDArray[np.uint8]],
    captions: Sequence[tuple[str, str]],
    *,
    columns: int,
    most: int,
    title: str,
    none: str,
) -> None:
    """Draw cells, `columns` a row, each with one image of every set side by side under its captions.

    Args:
        path: of the PNG.
        sets: arrays of the same shape, uint8 [n, H, W, 1 or 3].
        captions: n times two lines, cut after `most` characters.
        columns: the number of cells in a full row.
        most: the number of characters of a line.
        title: the text on top.
        none: the sentence to show where n is 0.
    """
    if not captions:
        with open_png(path, WIDTH, 2) as figure:
            sentence = " ".join(none.split())
            figure.text(0.5, 0.5, sentence, ha="center", fontsize=_fitting(sentence, 12, 0.94 * WIDTH))
        return
    gap, seam, head, text = 0.16, 0.04, 0.5, 0.5  # in inches, as what follows
    lines = math.ceil(len(captions) / columns)
    # A row that is not full has images of the same size as a full one.
    cell = (WIDTH - (columns + 1) * gap) / columns
    wide = (cell - (len(sets) - 1) * seam) / len(sets)
    tall = wide * sets[0].shape[1] / sets[0].shape[2]
    height = head + lines * (text + tall + gap)
    with open_png(path, WIDTH, height, layout=None) as figure:
        title = " ".join(title.split())
        size = _fitting(title, 11, WIDTH - 2 * gap)
        figure.text(gap / WIDTH, 1 - 0.14 / height, title, fontsize=size, va="top")
        for place, caption in enumerate(captions):
            line, column = divmod(place, columns)
            left = gap + column * (cell + gap)
            bottom = height - head - (line + 1) * (text + tall) - line * gap
            for number, images in enumerate(sets):
                start = left + number * (wide + seam)
                axes = figure.add_axes((start / WIDTH, bottom / height, wide / WIDTH, tall / height))
                image = images[place]
                if image.shape[2] == 1:
                    axes.imshow(image[:, :, 0], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
                else:
                    axes.imshow(image, interpolation="nearest")
                axes.set(xticks=[], yticks=[])
                axes.grid(False)
                axes.spines[:].set(visible=True, color=FAINT)  # without it a white image has no visible edge
            for line_of_text, up, colour, weight in (
                (shortened(caption[0], most), 18, ORANGE, "bold"),
                (shortened(caption[1], most), 5, INK, "normal"),
            ):
                at = (left / WIDTH, (bottom + tall + up / 72) / height)
                size = _fitting(line_of_text, 9, cell + gap / 4, weight)
                figure.text(*at, line_of_text, color=colour, fontsize=size, fontweight=weight)


def _fitting(line: str, size: float, room: float, weight: str = "normal") -> float:
    """Return the font size at which `line` fits into `room` inches, at most `size`."""
    if not line.strip():  # it has no outline to measure
        return size
    drawn = TextPath((0, 0), line, size=size, prop=FontProperties(weight=weight))
    return size * min(1.0, 72 * room / max(drawn.get_extents().width, 1.0))
