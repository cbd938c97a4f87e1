"""Whether the images that come are still like those that the model was judged by.

Of each image a row of numbers is kept: its class, its confidence, what `measure` says of it, and where the
net puts it. The rows of the last `WINDOW` images are compared with a reference, each number by itself:

    class mix             chi-squared between the shares of the classes
    numbers of an image  Anderson-Darling between their distributions, over bins of equal shares
    embedding             the squared distance between the means, along the axes in which images differ most

The cube roots of such sums are nearly normal (Wilson & Hilferty 1931), so each is told as a cube root, in
deviations from its mean over unshifted images. What is unusual is found by trying it: streams of the
reference's own images are drawn again and again, each against a reference that is drawn anew too, and the
threshold is what all numbers together, at all looks at a stream, exceed in one stream of a hundred.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...images.statistics import STATISTICS, measure
from ..prediction.runtime import Prediction

WINDOW = 500  # images that are judged together
LEAST = 100  # before so many came nothing is judged
EVERY = 25  # images between two looks
BINS = 32  # of each number, with as many of the reference's images in each
MOST_AXES = 16
EMBEDDING = ("distance", "novelty")  # numbers of an image that come of its embedding
LEAST_IMAGES = 50  # that a reference can be made from
STREAMS = 1000  # drawn to find the threshold
STREAM = 2 * WINDOW  # images of each
FALSE_ALARMS = 0.01  # share of those streams that may raise one

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """Images counted: all, by class `[..., K]`, by bin `[..., S, B]`; their places added up `[..., A]`."""

    images: Array
    classes: Array
    bins: Array
    places: Array


@dataclass(frozen=True)
class Reference:
    """What usual images are like to one model.

    Attributes:
        sha256: of the model's graph.
        classes: their names.
        images: that it was made from.
        numbers: names of the numbers with bins, S of them, in the order of a row.
        edges: between the bins, `[S, B-1]`.
        shares: of the reference's images in the bins, `[S, B]`.
        class_shares: `[K]`.
        centre: mean of the embeddings, `[D]`; D is 0 where the graph gives none.
        axes: from an embedding to its place, `[A, D]`: the places have mean 0 and deviation 1.
        means, deviations: of the cube roots of each statistic's largest value in an unshifted stream, `[J]`.
        threshold: of the largest of all statistics, in those deviations.
    """

    sha256: str
    classes: tuple[str, ...]
    images: int
    numbers: tuple[str, ...]
    edges: Array
    shares: Array
    class_shares: Array
    centre: Array
    axes: Array
    means: Array
    deviations: Array
    threshold: float

    @property
    def statistics(self) -> tuple[str, ...]:
        """Names of what is judged, J of them."""
        return ("class_mix", *self.numbers, *(["embedding"] if len(self.axes) else []))

    @property
    def columns(self) -> int:
        """Numbers in a row."""
        return 1 + len(self.numbers) + len(self.axes)

    def describe(self, pixels: NDArray[np.uint8], answer: Prediction) -> NDArray[np.float32]:
        """Return the rows, float32 `[N, columns]`, of images uint8 `[N,H,W,C]` and what was answered."""
        return self.rows(measure(pixels), answer)

    def rows(self, measured: NDArray[np.float32], answer: Prediction) -> NDArray[np.float32]:
        """Return the same of what `measure` says."""
        every = _numbers(measured, answer, self.centre, self.axes)
        best = answer.probabilities.argmax(axis=1)
        columns = [best, *(every[name] for name in self.numbers)]
        places = _places(answer, self.centre, self.axes)
        return np.column_stack([*columns, *places.T]).astype(np.float32)

    def summary(self, row: NDArray[np.float32]) -> dict[str, Any]:
        """Return what a row `[columns]` tells of the embedding, for the log; `of_line` reads it again."""
        named = dict(zip(self.numbers, row[1:], strict=False))
        told = {name: round(float(named[name]), 5) for name in EMBEDDING if name in named}
        return {**told, "place": [round(float(value), 3) for value in row[1 + len(self.numbers) :]]}

    def of_line(self, line: Mapping[str, Any]) -> list[float]:
        """Return the row of a line of the prediction log.

        Raises KeyError or ValueError where it is of another model, or was written without a reference.
        """
        told = {"confidence": line["probability"], **line["image"], **line["embedding"]}
        row = [
            float(self.classes.index(line["class"])),
            *(float(told[name]) for name in self.numbers),
            *(float(value) for value in told["place"]),
        ]
        if len(row) != self.columns:
            raise ValueError(f"the line has {len(row)} numbers; needed: {self.columns}")
        return row

    def scores(self, rows: NDArray[np.float32]) -> dict[str, float]:
        """Return each statistic's score of a window: about 0 as usual, an alarm from 1 on.

        Raises ValueError for rows of another width or fewer than `LEAST`.
        """
        if rows.ndim != 2 or rows.shape[1] != self.columns or len(rows) < LEAST:
            raise ValueError(
                f"rows are {list(rows.shape)}; needed: {LEAST} or more of {self.columns} numbers"
            )
        raw = _compare(self._count(rows), self._own())
        z = (np.cbrt(raw) - self.means) / self.deviations / self.threshold
        return dict(zip(self.statistics, (float(value) for value in np.maximum(0.0, z)), strict=True))

    def _count(self, rows: NDArray[np.float32]) -> Counts:
        one = _one_hot(rows, self.edges, len(self.classes))
        return Counts(np.array(float(len(rows))), *(np.asarray(part.sum(axis=0), np.float64) for part in one))

    def _own(self) -> Counts:
        total = float(self.images)
        return Counts(
            np.array(total), total * self.class_shares, total * self.shares, np.zeros(len(self.axes))
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as what JSON can hold, to six digits."""
        tree = {name: getattr(self, name) for name in self.__dataclass_fields__}
        for name, value in tree.items():
            if isinstance(value, np.ndarray):
                digits = np.array([float(f"{number:.6g}") for number in value.ravel()])
                tree[name] = digits.reshape(value.shape).tolist()
        return {**tree, "window": WINDOW}


def make_reference(
    pixels: NDArray[np.uint8],
    answer: Prediction,
    *,
    classes: Sequence[str],
    sha256: str,
    held_out: bool = True,
    seed: int = 0,
) -> Reference:
    """Return the reference for images uint8 `[N,H,W,C]` and what the served graph says of them.

    Without `held_out` the net was trained on the images, to which it is then surer than to new ones; so the
    confidence and the embedding are left out. So is a number that is the same for all images.

    Raises ValueError for fewer than `LEAST_IMAGES`.
    """
    if len(pixels) < LEAST_IMAGES:
        raise ValueError(f"{len(pixels)} images are too few for a reference; needed: {LEAST_IMAGES}")
    if not held_out:
        answer = answer._replace(embedding=None)
    centre, axes = _main_axes(answer.embedding)
    every = _numbers(measure(pixels), answer, centre, axes)
    if not held_out:
        del every["confidence"]
    # where the axes leave nothing but roundings, another machine's are others
    if "novelty" in every and np.median(every["novelty"]) < 1e-3 / np.linalg.norm(axes, axis=1).max():
        del every["novelty"]
    bins = max(4, min(BINS, len(pixels) // 10))
    inner = np.linspace(0, 1, bins + 1)[1:-1]
    kept = {name: values for name, values in every.items() if len(np.unique(values)) > bins}
    edges = np.array([np.quantile(values, inner) for values in kept.values()]).reshape(len(kept), bins - 1)
    best = answer.probabilities.argmax(axis=1)
    rows = np.column_stack([best, *kept.values(), *_places(answer, centre, axes).T]).astype(np.float32)
    one_hot = _one_hot(rows, edges, len(classes))
    maxima = _unshifted(one_hot, np.random.default_rng(seed))
    means, deviations = maxima.mean(axis=0), maxima.std(axis=0)
    largest = ((maxima - means) / deviations).max(axis=1)
    return Reference(
        sha256=sha256,
        classes=tuple(classes),
        images=len(pixels),
        numbers=tuple(kept),
        edges=edges,
        shares=one_hot[1].mean(axis=0),
        class_shares=one_hot[0].mean(axis=0),
        centre=centre,
        axes=axes,
        means=means,
        deviations=deviations,
        threshold=float(np.quantile(largest, 1 - FALSE_ALARMS)),
    )


def read_reference(path: Path, *, sha256: str | None = None) -> Reference:
    """Read a reference.

    Raises ValueError where it is none, or `sha256` is given and it belongs to another model.
    """
    again = "run `dvc repro register` again"
    try:
        tree: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        kinds = Reference.__dataclass_fields__
        values = {name: tree[name] for name in kinds}
        for name, value in values.items():
            if isinstance(value, list):
                numeric = name not in ("classes", "numbers")
                values[name] = np.array(value, dtype=np.float64) if numeric else tuple(value)
        size = len(values["centre"])
        values["axes"] = values["axes"].reshape(-1, size) if size else np.zeros((0, 0))
        reference = Reference(**values)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path} is no reference for drift ({error!r}): {again}") from error
    if sha256 is not None and reference.sha256 != sha256:
        raise ValueError(
            f"{path} belongs to the model with the SHA-256 {reference.sha256}, beside it is {sha256}: {again}"
        )
    return reference


def _main_axes(embedding: NDArray[np.float32] | None) -> tuple[Array, Array]:
    """Return mean `[D]` of embeddings and the axes `[A, D]` in which they differ most, to deviation 1."""
    if embedding is None:
        return np.zeros(0), np.zeros((0, 0))
    centre = embedding.mean(axis=0, dtype=np.float64)
    _, lengths, directions = np.linalg.svd(embedding - centre, full_matrices=False)
    deviations = lengths / np.sqrt(max(1, len(embedding) - 1))
    count = int(
        min(MOST_AXES, len(embedding) // 20, (deviations > 1e-6 * max(deviations.max(), 1e-12)).sum())
    )
    return centre, directions[:count] / deviations[:count, None]


def _places(answer: Prediction, centre: Array, axes: Array) -> Array:
    if answer.embedding is None or not len(axes):
        return np.zeros((len(answer.probabilities), 0))
    return np.asarray((answer.embedding - centre) @ axes.T)


def _numbers(
    measured: NDArray[np.float32], answer: Prediction, centre: Array, axes: Array
) -> dict[str, NDArray[Any]]:
    numbers: dict[str, NDArray[Any]] = {"confidence": answer.probabilities.max(axis=1)}
    numbers |= dict(zip(STATISTICS, measured.T, strict=True))
    if answer.embedding is not None and len(axes):
        places = _places(answer, centre, axes)
        numbers["distance"] = np.sqrt((places**2).mean(axis=1))
        # what the axes leave of it: of images unlike any that were seen there is much
        scale = np.linalg.norm(axes, axis=1)
        along = (places**2 / scale**2).sum(axis=1)
        whole = ((answer.embedding - centre) ** 2).sum(axis=1)
        numbers["novelty"] = np.sqrt(np.maximum(0, whole - along))
    return numbers


def _one_hot(rows: NDArray[np.float32], edges: Array, classes: int) -> tuple[Any, Any, Any]:
    """Return class `[N, K]` and bin `[N, S, B]` of each row as a 1 among zeros, and its places `[N, A]`."""
    size, bins = len(edges), edges.shape[1] + 1
    number = np.arange(len(rows))
    by_class = np.zeros((len(rows), classes), dtype=np.float32)
    by_class[number, rows[:, 0].astype(int)] = 1
    by_bin = np.zeros((len(rows), size, bins), dtype=np.float32)
    for column in range(size):
        place = np.searchsorted(edges[column].astype(np.float32), rows[:, 1 + column], side="right")
        by_bin[number, column, place] = 1
    return by_class, by_bin, rows[:, 1 + size :]


def _compare(window: Counts, reference: Counts) -> Array:
    """Return the statistics `[..., J]` between what is counted in a window and in a reference."""
    n, m = window.images, reference.images
    both = (n * m / (n + m))[..., None]
    # a class that the reference lacks counts as half an image
    shares = (reference.classes + 0.5) / (m[..., None] + 0.5 * reference.classes.shape[-1])
    mix = ((window.classes / n[..., None] - shares) ** 2 / shares).sum(axis=-1, keepdims=True) * both
    below, expected = (
        np.cumsum(counts.bins, axis=-1)[..., :-1] / counts.images[..., None, None]
        for counts in (window, reference)
    )
    weights = np.maximum(expected * (1 - expected), 0.5 / m[..., None, None])
    tested = ((below - expected) ** 2 / weights).mean(axis=-1) * both
    parts = [mix, tested]
    if window.places.shape[-1]:
        apart = window.places / n[..., None] - reference.places / m[..., None]
        parts.append((apart**2).sum(axis=-1, keepdims=True) * both)
    return np.concatenate(parts, axis=-1)


def _unshifted(one_hot: tuple[Any, Any, Any], generator: np.random.Generator) -> Array:
    """Return the cube root of each statistic's largest value in unshifted streams, `[STREAMS, J]`.

    The streams are of the reference's images, looked at as the service does, from `LEAST` images on.
    """
    total = len(one_hot[0])
    flat = np.concatenate([part.reshape(total, -1) for part in one_hot], axis=1).astype(np.float32)
    widths = np.cumsum([part.reshape(total, -1).shape[1] for part in one_hot])[:-1]
    shape = one_hot[1].shape[1:]

    def counts(images: Array, sums: Array) -> Counts:
        classes, bins, places = np.split(sums, widths, axis=-1)
        return Counts(images, classes, bins.reshape(*bins.shape[:-1], *shape), places)

    looks = np.arange(LEAST, STREAM + 1, EVERY) // EVERY
    starts = np.maximum(0, looks - WINDOW // EVERY)
    maxima = []
    for _ in range(STREAMS):
        weights = generator.multinomial(total, np.full(total, 1 / total)).astype(np.float32)
        own = counts(
            np.array([float(total)]), np.asarray(weights.astype(np.float32) @ flat, np.float64)[None]
        )
        drawn = flat[generator.integers(0, total, STREAM)]
        blocks = drawn.reshape(STREAM // EVERY, EVERY, -1).sum(axis=1, dtype=np.float64)
        sums = np.concatenate([np.zeros((1, blocks.shape[1])), np.cumsum(blocks, axis=0)])
        window = counts(np.asarray((looks - starts) * EVERY, dtype=np.float64), sums[looks] - sums[starts])
        maxima.append(np.cbrt(_compare(window, own)).max(axis=0))
    return np.array(maxima)
