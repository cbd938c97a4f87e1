"""Labels of training images that are probably wrong, found before the network exists.

Two models that know no network, a linear discriminant and the nearest neighbours, are cross-validated on
cheap features: the colours of an 8x8 version, and histograms of oriented gradients (Dalal and Triggs 2005).
A label is proposed for review where the confident-learning rule of `evaluation.label_issues` names it by the
mean of both models, and both are sure of the same other class. Where the features tell the classes apart too
badly for that, nothing is proposed, and the report says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import GroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from darkroom.evaluation.label_issues import label_issues

MOST = 8_000  # training images that are looked at
FOLDS, NEIGHBOURS = 5, 10
SIDE, CELLS, DIRECTIONS, COLOURS = 32, 4, 8, 8
ENOUGH = 0.7  # of the way from the largest class's share to 1 that the models must explain
SURE = 0.75  # the least probability of both models for the suggested class
FEWEST = 5  # images of a class


@dataclass(frozen=True)
class Proposals:
    """Labels to review.

    Attributes:
        found: `index` (of the training images), `label`, `suggested` and the columns of `label_issues`.
        looked_at: how many images were looked at.
        accuracy: of the models, cross-validated; None where there were too few images.
        trusted: whether the models tell the classes well enough for proposals.
    """

    found: pd.DataFrame
    looked_at: int
    accuracy: float | None
    trusted: bool


def wrong_labels(
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    units: NDArray[np.int64],
    *,
    classes: Sequence[str],
) -> Proposals:
    """Return the training images whose label is probably wrong.

    Args:
        images: uint8 [N,H,W,C], may be memory-mapped.
        labels: int64 [N].
        units: int64 [N]; images of one unit are never on both sides of a fold.
        classes: the names.
    """
    rows = np.arange(len(labels))
    if len(rows) > MOST:
        rows = np.sort(np.random.default_rng(0).choice(len(rows), MOST, replace=False))
    counts = np.bincount(labels[rows], minlength=len(classes))
    rows = rows[counts[labels[rows]] >= FEWEST]
    chosen = labels[rows]
    if len(np.unique(units[rows])) < 2 * FOLDS or len(np.unique(chosen)) < 2:
        return Proposals(_none(), len(rows), None, False)
    kept, numbers = np.unique(chosen, return_inverse=True)
    linear, near = _out_of_fold(features(images, rows), numbers, units[rows], len(kept))
    both = (linear + near) / 2
    accuracy = float((both.argmax(1) == numbers).mean())
    majority = float(np.bincount(numbers).max() / len(numbers))
    trusted = (accuracy - majority) / max(1 - majority, 1e-9) >= ENOUGH
    if not trusted:
        return Proposals(_none(), len(rows), accuracy, False)
    names = [classes[one] for one in kept]
    found = label_issues(both, numbers.astype(np.int64), classes=names)
    places = found["index"].to_numpy()
    suggested = np.array([names.index(name) for name in found["suggested"]], dtype=np.int64)
    sure = np.minimum(linear[places, suggested], near[places, suggested]) >= SURE
    found = found[sure].reset_index(drop=True)
    return Proposals(found.assign(index=rows[found["index"].to_numpy()]), len(rows), accuracy, True)


def features(images: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return cheap features float32 [n,D] of some rows of images uint8 [N,H,W,C]."""
    return np.stack([_features(images[row]) for row in rows])


def _features(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    channels = image.shape[2]
    picture = Image.fromarray(image[..., 0] if channels == 1 else image)
    colours = np.asarray(picture.resize((COLOURS, COLOURS), Image.Resampling.BOX), np.float32) / 255
    grey = picture.convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.concatenate([colours.reshape(-1), _gradients(np.asarray(grey, np.float32) / 255)])


def _gradients(grey: NDArray[Any]) -> NDArray[np.float32]:
    """Return a histogram of the directions of the gradients of each cell of a grey image [32,32]."""
    down, across = np.gradient(grey)
    strength = np.hypot(down, across)
    direction = (np.arctan2(down, across) % np.pi) / np.pi * DIRECTIONS
    cell = np.arange(SIDE) * CELLS // SIDE
    place = (cell[:, None] * CELLS + cell[None]) * DIRECTIONS + direction.astype(np.int64) % DIRECTIONS
    size = CELLS * CELLS * DIRECTIONS
    histogram = np.bincount(place.reshape(-1), weights=strength.reshape(-1), minlength=size)
    root = np.sqrt(histogram / (histogram.sum() + 1.0))
    return np.asarray(root, dtype=np.float32)


def _out_of_fold(
    values: NDArray[np.float32], labels: NDArray[np.int64], units: NDArray[np.int64], classes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the probabilities [N,K] of both models for each row, fitted to the folds without its unit."""
    linear, near = np.zeros((2, len(labels), classes))
    for fitted, held in GroupKFold(FOLDS, shuffle=True, random_state=0).split(values, labels, units):
        scaler = StandardScaler().fit(values[fitted])
        known, asked = scaler.transform(values[fitted]), scaler.transform(values[held])
        discriminant = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        discriminant.fit(known, labels[fitted])
        linear[np.ix_(held, discriminant.classes_)] = discriminant.predict_proba(asked)
        neighbours = KNeighborsClassifier(min(NEIGHBOURS, len(fitted)))
        neighbours.fit(known, labels[fitted])
        near[np.ix_(held, neighbours.classes_)] = neighbours.predict_proba(asked)
    return linear, near


def _none() -> pd.DataFrame:
    """Return the table of no proposals."""
    names = ["index", "label", "suggested", "label_probability", "suggested_probability", "margin"]
    return pd.DataFrame(columns=names)
