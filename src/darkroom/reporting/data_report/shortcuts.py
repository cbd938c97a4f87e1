"""Whether the class can be told without looking at the image: from its size, file type, brightness or path.

If it can, a network may learn that instead of what the images show, and test as well as if it had learned
it; then it fails on images from elsewhere. A small model, a random forest, is cross-validated on each of
these facts alone. Images of one unit (copies, a group) are never on both sides.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GroupKFold

from darkroom.evaluation.intervals import bootstrap_interval
from darkroom.reporting.data_report.facts import sample

MOST = 8_000  # images that the small models are fitted to
FOLDS = 5
TREES, LEAF = 24, 5
RESAMPLES = 200
ENOUGH = 10  # images of a class, from which on it is looked at alone
SPLIT_NAMES = {
    *("train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval"),
}

# Of the way from the largest class's share to 1, what a fact alone may explain before it is told; and how
# clearly it may set one class apart (true positive rate less false positive rate, and precision). Brightness
# and size of the file differ between real classes (sky, forest), so more of it is expected; a type does not.
BOUNDS = {
    "size": (0.25, 0.6),
    "type": (0.10, 0.6),
    "brightness": (0.40, 0.8),
    "file_size": (0.60, 0.9),
    "path": (0.30, 0.8),
}
WHAT = {
    "size": "width and height",
    "type": "the type of the file (format, mode, orientation)",
    "brightness": "brightness",
    "file_size": "bytes a pixel of the file",
    "path": "the name of the file and its folders",
}


def shortcuts(train: pd.DataFrame, classes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return, for each fact, how well it alone tells the class of the training images.

    Args:
        train: rows of `image_facts`.
        classes: names of the classes, by number.

    Returns:
        By the keys of `WHAT`: `images` (that were looked at), `accuracy` with `low` and `high` (95 %, by
        resampling units), `majority` (the share of the largest class), `classes_told` (names of classes that
        it sets apart) and `told` (whether that is more than may be expected). Where all images are alike in
        it, or there are too few, `accuracy` is None.
    """
    rows = sample(train, MOST)
    labels = rows["label"].to_numpy()
    units = rows["unit"].to_numpy()
    majority = float(np.bincount(labels).max() / len(labels)) if len(labels) else 0.0
    found = {}
    for name, features in FEATURES.items():
        values = features(rows, classes)
        result: dict[str, Any] = {"images": len(rows), "majority": majority, "told": False}
        result |= {"accuracy": None, "low": None, "high": None, "classes_told": []}
        if len(np.unique(values, axis=0)) > 1 and len(np.unique(units)) >= 2 * FOLDS:
            predicted = _out_of_fold(values, labels, units)
            correct = predicted == labels
            low, high = _interval(correct, units)
            gain, apart = BOUNDS[name]
            result |= {"accuracy": float(correct.mean()), "low": low, "high": high}
            result["classes_told"] = [classes[one] for one in _set_apart(predicted, labels, apart)]
            explained = (result["accuracy"] - majority) / max(1 - majority, 1e-9)
            result["told"] = bool(explained >= gain and low > majority) or bool(result["classes_told"])
        found[name] = result
    return found


def _out_of_fold(
    values: NDArray[np.float64], labels: NDArray[np.int64], units: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the class that the model predicts for each row, fitted to the other units' folds."""
    predicted = np.full(len(labels), -1, dtype=np.int64)
    leaf = max(1, min(LEAF, len(labels) // 20))
    for fitted, held in GroupKFold(FOLDS, shuffle=True, random_state=0).split(values, labels, units):
        model = RandomForestClassifier(TREES, min_samples_leaf=leaf, max_depth=16, random_state=0)
        predicted[held] = model.fit(values[fitted], labels[fitted]).predict(values[held])
    return predicted


def _interval(correct: NDArray[np.bool_], units: NDArray[np.int64]) -> tuple[float, float]:
    """Return the 95 % interval of the accuracy; units are resampled: their images depend on each other."""
    _, places = np.unique(units, return_inverse=True)
    right = np.bincount(places, weights=correct)
    count = np.bincount(places)
    return bootstrap_interval(
        lambda drawn: float(right[drawn].sum() / count[drawn].sum()), len(count), RESAMPLES
    )


def _set_apart(predicted: NDArray[np.int64], labels: NDArray[np.int64], bound: float) -> list[int]:
    """Return the classes that are predicted for their own images and hardly for others."""
    size = int(max(labels.max(), predicted.max())) + 1
    total, said = np.bincount(labels, minlength=size), np.bincount(predicted, minlength=size)
    right = np.bincount(labels[predicted == labels], minlength=size)
    others = np.maximum(len(labels) - total, 1)
    informed = right / np.maximum(total, 1) - (said - right) / others
    precision = right / np.maximum(said, 1)
    return [
        int(one) for one in np.flatnonzero((total >= ENOUGH) & (informed >= bound) & (precision >= bound))
    ]


def _sizes(rows: pd.DataFrame, classes: Sequence[str]) -> NDArray[np.float64]:
    width, height = rows["width"].to_numpy(float), rows["height"].to_numpy(float)
    return np.stack([width, height, width / np.maximum(height, 1)], axis=1)


def _types(rows: pd.DataFrame, classes: Sequence[str]) -> NDArray[np.float64]:
    suffix = rows["path"].map(lambda path: PurePosixPath(path).suffix.lower())
    columns = [rows["format"], rows["mode"], rows["orientation"], suffix]
    return np.stack([pd.factorize(column, sort=True)[0].astype(float) for column in columns], axis=1)


def _brightness(rows: pd.DataFrame, classes: Sequence[str]) -> NDArray[np.float64]:
    return rows[["brightness"]].to_numpy(float)


def _bytes(rows: pd.DataFrame, classes: Sequence[str]) -> NDArray[np.float64]:
    pixels = np.maximum(rows["width"].to_numpy(float) * rows["height"].to_numpy(float), 1)
    return np.asarray(rows["size"].to_numpy(float) / pixels, dtype=np.float64)[:, None]


def _paths(rows: pd.DataFrame, classes: Sequence[str]) -> NDArray[np.float64]:
    """Return what a path says when the names of classes and splits are taken out of it."""
    names = {name.lower() for name in classes}
    long = sorted((re.escape(name) for name in names if len(name) > 2 and not name.isdigit()), reverse=True)
    in_names = re.compile("|".join(long)) if long else None
    facts: list[tuple[str, str, float, float, float]] = []
    for path in rows["path"]:
        *folders, file = PurePosixPath(path.lower()).parts or ("",)
        stem = PurePosixPath(file).stem
        rest = in_names.sub("", stem) if in_names else stem
        above = "/".join(one for one in folders if one not in names | SPLIT_NAMES)
        numbers = re.findall(r"\d+", rest)
        number = float(numbers[-1][:15]) if numbers else -1.0
        facts.append((above, re.sub(r"\d+.*", "", rest), number, float(len(rest)), float(len(numbers))))
    table = pd.DataFrame(facts, columns=["folder", "start", "number", "length", "numbers"])
    for name in ("folder", "start"):
        table[name] = pd.factorize(table[name], sort=True)[0]
    return table.to_numpy(float)


FEATURES: dict[str, Callable[[pd.DataFrame, Sequence[str]], NDArray[np.float64]]] = {
    "size": _sizes,
    "type": _types,
    "brightness": _brightness,
    "file_size": _bytes,
    "path": _paths,
}
