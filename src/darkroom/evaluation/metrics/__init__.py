"""Numbers on a test set: from probabilities and labels to metrics, tables and the worst mistakes.

The predicted class is the most probable one, the first of them on a tie. A share without anything to
share (the precision of a class never predicted, the recall and F1 of a class without images) is 0,
as is scikit-learn's custom, and counts as 0 in the macro averages.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import precision_recall_fscore_support

SUM_TOLERANCE = 1e-3  # float32 rows of a thousand classes stay well within it; logits do not


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval (low, high) of a share, each within 0..1.

    No trials tell nothing: their interval is (0, 1).

    Raises:
        ValueError: `successes` is outside 0..`trials`, or `confidence` outside 0..1.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"successes must be 0 to {trials} (the trials), got {successes}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}")
    if trials == 0:
        return 0.0, 1.0
    interval = binomtest(int(successes), int(trials)).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def classification_metrics(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    classes: Sequence[str],
    top_k: int,
    resamples: int = 1000,
) -> dict[str, Any]:
    """Return the headline numbers of a test set, ready for JSON; shares lie within 0..1.

    Keys: `loss` (mean cross-entropy in nats), `accuracy` and `top_<top_k>_accuracy`, `images`, and
    `macro` and `weighted` (by images), each with `precision`, `recall` and `f1`. The module says what
    undefined shares count as. Beside the loss, the accuracies and the F1s stand `<name>_low` and
    `<name>_high`, the 95 % interval: Wilson's for the accuracies, bootstrapped for the others.

    Args:
        probabilities: float [N, K], each row summing to 1.
        labels: integers [N] within 0..K-1.
        classes: the K names.
        top_k: an image counts as right when its class is among this many most probable ones (of
            equal probabilities the first come first); more than K is as good as K.
        resamples: of the bootstrap.

    Raises:
        ValueError: the arrays do not fit together or hold impossible values, or `top_k` is below 1.
    """
    if top_k < 1:
        raise ValueError(f"top_k must be 1 or more, got {top_k}")
    checked, labels = checked_probabilities(probabilities, labels, classes)
    predictions = checked.argmax(axis=1)
    images = len(labels)
    right = int((predictions == labels).sum())

    own = checked[np.arange(images), labels]
    # A float32 softmax underflows to 0, whose logarithm is not finite.
    losses = -np.log(np.maximum(own, np.finfo(np.float32).tiny))

    # The place of the true class: how many classes are more probable, or equal and earlier.
    earlier = np.arange(len(classes)) < labels[:, None]
    ahead = (checked > own[:, None]) | ((checked == own[:, None]) & earlier)
    top = int((ahead.sum(axis=1) < top_k).sum())

    averages = {}
    for average in ("macro", "weighted"):
        precision, recall, f1, _ = precision_recall_fscore_support(
            labels, predictions, labels=range(len(classes)), average=average, zero_division=0
        )
        f1_of = _f1_of(labels, predictions, len(classes), average)
        averages[average] = {
            "precision": float(precision),
            "recall": float(recall),
            "f1": float(f1),
            **_named("f1", bootstrap_interval(f1_of, images, resamples)),
        }
    return {
        "loss": float(losses.mean()),
        **_named("loss", bootstrap_interval(lambda drawn: losses[drawn].mean(), images, resamples)),
        "accuracy": right / images,
        **_named("accuracy", wilson_interval(right, images)),
        "images": images,
        f"top_{top_k}_accuracy": top / images,
        **_named(f"top_{top_k}_accuracy", wilson_interval(top, images)),
        **averages,
    }


def bootstrap_interval(
    statistic: Callable[[NDArray[np.int64]], float], images: int, resamples: int = 1000, *, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % percentile interval (low, high) of a statistic over resampled test images.

    `statistic` takes indices int64 [images], drawn with replacement (Efron & Tibshirani 1993). The
    same seed gives the same interval.
    """
    generator = np.random.default_rng(seed)
    values = [float(statistic(generator.integers(images, size=images))) for _ in range(resamples)]
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _f1_of(
    labels: NDArray[np.int64], predictions: NDArray[np.int64], size: int, average: str
) -> Callable[[NDArray[np.int64]], float]:
    """Return a function of drawn indices: their F1, `macro` (every class alike) or by its images."""
    cells = labels * size + predictions

    def f1(drawn: NDArray[np.int64]) -> float:
        counts = np.bincount(cells[drawn], minlength=size * size).reshape(size, size)
        of, said, hits = counts.sum(axis=1), counts.sum(axis=0), counts.diagonal()
        values = 2 * hits / np.maximum(of + said, 1)
        return float(values.mean() if average == "macro" else (values * of).sum() / of.sum())

    return f1


def _named(name: str, interval: tuple[float, float]) -> dict[str, float]:
    return {f"{name}_low": interval[0], f"{name}_high": interval[1]}


def per_class_table(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], *, classes: Sequence[str]
) -> pd.DataFrame:
    """Return one row a class, in the order of `classes`.

    Columns: `class`, `precision`, `recall`, `f1` (0..1), `support` (images of the class), and
    `recall_low` and `recall_high` (95 % Wilson interval; 0 and 1 for a class without images).

    Raises:
        ValueError: as `classification_metrics`.
    """
    checked, labels = checked_probabilities(probabilities, labels, classes)
    predictions = checked.argmax(axis=1)
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predictions, labels=range(len(classes)), average=None, zero_division=0
    )
    found = np.bincount(labels[predictions == labels], minlength=len(classes))
    intervals = [wilson_interval(int(hits), int(of)) for hits, of in zip(found, support, strict=True)]
    return pd.DataFrame(
        {
            "class": list(classes),
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "support": support.astype(np.int64),
            "recall_low": [low for low, _ in intervals],
            "recall_high": [high for _, high in intervals],
        }
    )


def confusion_table(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], *, classes: Sequence[str]
) -> pd.DataFrame:
    """Return one row an image, `actual` and `predicted` class name: what DVC's confusion plot reads.

    Raises:
        ValueError: as `classification_metrics`.
    """
    checked, labels = checked_probabilities(probabilities, labels, classes)
    names = np.asarray(classes, dtype=object)
    return pd.DataFrame({"actual": names[labels], "predicted": names[checked.argmax(axis=1)]})


def confusion_matrix(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], *, classes: Sequence[str]
) -> pd.DataFrame:
    """Return a row an actual class, its name in `actual`, and a column a predicted class: counts of images.

    Raises:
        ValueError: as `classification_metrics`, or a class is called `actual`.
    """
    checked, labels = checked_probabilities(probabilities, labels, classes)
    size = len(classes)
    counts = np.bincount(labels * size + checked.argmax(axis=1), minlength=size * size).reshape(size, size)
    table = pd.DataFrame(counts, columns=list(classes))
    table.insert(0, "actual", list(classes))
    return table


def worst_misclassified(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], *, count: int
) -> NDArray[np.int64]:
    """Return the indices (int64, at most `count`) of wrong predictions, the most confident first.

    Equal confidence keeps the order of the images.

    Raises:
        ValueError: as `classification_metrics`, or `count` is negative.
    """
    if count < 0:
        raise ValueError(f"count must be 0 or more, got {count}")
    checked, labels = checked_probabilities(probabilities, labels)
    wrong = np.flatnonzero(checked.argmax(axis=1) != labels)
    confidence = checked[wrong].max(axis=1)
    return wrong[np.argsort(-confidence, kind="stable")][:count].astype(np.int64)


def checked_probabilities(
    probabilities: NDArray[Any], labels: NDArray[Any], classes: Sequence[str] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return both as float64 and int64 arrays; raise ValueError on what cannot be true."""
    probabilities, labels = np.asarray(probabilities), np.asarray(labels)
    if probabilities.ndim != 2 or labels.ndim != 1 or len(probabilities) != len(labels):
        raise ValueError(
            "probabilities must have the shape [images, classes] and labels [images], "
            f"got {list(probabilities.shape)} and {list(labels.shape)}"
        )
    if probabilities.size == 0:
        raise ValueError(f"there is nothing to measure: the probabilities are {list(probabilities.shape)}")
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be integers, got {labels.dtype}")
    columns = probabilities.shape[1]
    if classes is not None:
        if len(classes) != columns:
            raise ValueError(f"{len(classes)} class names do not fit probabilities of {columns} classes")
        twice = sorted({name for name in classes if list(classes).count(name) > 1})
        if twice:
            raise ValueError(f"class names must differ, got more than once: {', '.join(twice)}")
    bad = np.flatnonzero((labels < 0) | (labels >= columns))
    if bad.size:
        raise ValueError(
            f"labels must be 0 to {columns - 1}, got {labels[bad[0]]} at {bad[0]} ({bad.size} such)"
        )

    wide = probabilities.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(wide).all(axis=1))
    if bad.size:
        raise ValueError(f"row {bad[0]} of the probabilities is not finite: {_row(wide[bad[0]])}")
    bad = np.flatnonzero((wide < 0).any(axis=1))
    if bad.size:
        raise ValueError(
            f"row {bad[0]} of the probabilities holds {wide[bad[0]].min():g}: none may be negative "
            "(are these logits?)"
        )
    sums = wide.sum(axis=1)
    bad = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE)
    if bad.size:
        raise ValueError(f"row {bad[0]} of the probabilities sums to {sums[bad[0]]:g} instead of 1")
    return wide, labels.astype(np.int64)


def _row(row: NDArray[np.float64]) -> str:
    """Return the first values of a row, for a message."""
    return "[" + ", ".join(f"{value:g}" for value in row[:8]) + (", …]" if len(row) > 8 else "]")
