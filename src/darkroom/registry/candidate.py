"""A candidate for champion: its predictions on the test images and what was measured of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.multilabel.average_precision import mean_average_precision
from darkroom.evaluation.multilabel.per_image import exact
from darkroom.evaluation.multilabel.precision_recall_f1 import per_label


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A model's predictions on a test set, and what was measured of it.

    Attributes:
        version: number in the registry.
        test_sha256: hash of the test images and labels.
        classes: class names; labels and predictions are indexes into them.
        labels: int64 [N]; of several labels int8 [N,K]: 1, 0, or -1 for unknown.
        predictions: int64 [N]; of several labels bool [N,K].
        calibration_error: expected calibration error on the test set, 0 to 1; None where not measured.
        milliseconds: median time for one image in the exported graph; None where not measured.
        probabilities: of several labels, float32 [N,K]; None where an image has one label.
    """

    version: str
    test_sha256: str
    classes: tuple[str, ...]
    labels: NDArray[Any]
    predictions: NDArray[Any]
    calibration_error: float | None
    milliseconds: float | None
    probabilities: NDArray[np.float32] | None = None

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Which images were classified correctly, bool [N]; of several labels, whose labels are all right."""
        if self.probabilities is not None:
            return exact(self.predictions, self.labels)
        return np.asarray(self.predictions == self.labels)

    @property
    def accuracy(self) -> float:
        """The share of images classified correctly, 0 to 1."""
        return float(self.correct.mean())

    @property
    def average_precision(self) -> float | None:
        """The mean of the labels' average precisions (mAP), 0 to 1; None where an image has one label."""
        if self.probabilities is None:
            return None
        return mean_average_precision(self.probabilities, self.labels)


def class_recalls(candidate: Candidate) -> dict[str, float]:
    """Return the recall of each class that has test images, by name, the lowest first.

    >>> candidate = Candidate(
    ...     version="1", test_sha256="", classes=("cat", "dog", "fox"), labels=np.array([0, 0, 1, 1]),
    ...     predictions=np.array([0, 1, 1, 1]), calibration_error=None, milliseconds=None,
    ... )
    >>> class_recalls(candidate)
    {'cat': 0.5, 'dog': 1.0}
    """
    if candidate.probabilities is not None:
        each = per_label(candidate.predictions, candidate.labels)["recall"]
        there = (candidate.labels == 1).any(axis=0)
        found = {
            name: float(recall)
            for name, recall, known in zip(candidate.classes, each, there, strict=True)
            if known
        }
        return dict(sorted(found.items(), key=lambda item: item[1]))
    recalls = {
        name: float(candidate.correct[candidate.labels == number].mean())
        for number, name in enumerate(candidate.classes)
        if (candidate.labels == number).any()
    }
    return dict(sorted(recalls.items(), key=lambda item: item[1]))


def class_images(candidate: Candidate, name: str) -> int:
    """Return how many test images have the class, or the label, of that name.

    >>> candidate = Candidate(
    ...     version="1", test_sha256="", classes=("cat", "dog"), labels=np.array([0, 0, 1]),
    ...     predictions=np.array([0, 1, 1]), calibration_error=None, milliseconds=None,
    ... )
    >>> class_images(candidate, "cat")
    2
    """
    number = candidate.classes.index(name)
    if candidate.probabilities is not None:
        return int((candidate.labels[:, number] == 1).sum())
    return int((candidate.labels == number).sum())


def not_comparable(first: Candidate, second: Candidate) -> str | None:
    """Return why two models cannot be compared on the same images, said of `first`; None where they can."""
    if first.classes != second.classes:
        gone, new = (
            ", ".join(sorted(set(a) - set(b))) or "none"
            for a, b in ((second.classes, first.classes), (first.classes, second.classes))
        )
        if gone == new == "none":
            return "its classes are in another order"
        return f"it has other classes (new: {new}; gone: {gone})"
    if (first.probabilities is None) != (second.probabilities is None):
        return "one of the two gives an image one label, and the other several"
    if first.test_sha256 != second.test_sha256:
        hashes = f"{first.test_sha256[:8]} against {second.test_sha256[:8]}"
        return f"it was tested on other images ({hashes})"
    return None
