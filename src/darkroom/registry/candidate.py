"""A candidate for champion: its predictions on the test images and what was measured of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A model's predictions on a test set, and what was measured of it.

    Attributes:
        version: number in the registry.
        test_sha256: hash of the test images and labels.
        classes: class names; labels and predictions are indexes into them.
        labels: int64 [N].
        predictions: int64 [N].
        calibration_error: expected calibration error on the test set, 0 to 1; None where not measured.
        milliseconds: median time for one image in the exported graph; None where not measured.
    """

    version: str
    test_sha256: str
    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    predictions: NDArray[np.int64]
    calibration_error: float | None
    milliseconds: float | None

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Which images were classified correctly, bool [N]."""
        return np.asarray(self.predictions == self.labels)

    @property
    def accuracy(self) -> float:
        """The share of images classified correctly, 0 to 1."""
        return float(self.correct.mean())


def class_recalls(candidate: Candidate) -> dict[str, float]:
    """Return the recall of each class that has test images, by name, the lowest first.

    >>> candidate = Candidate(
    ...     version="1", test_sha256="", classes=("cat", "dog", "fox"), labels=np.array([0, 0, 1, 1]),
    ...     predictions=np.array([0, 1, 1, 1]), calibration_error=None, milliseconds=None,
    ... )
    >>> class_recalls(candidate)
    {'cat': 0.5, 'dog': 1.0}
    """
    recalls = {
        name: float(candidate.correct[candidate.labels == number].mean())
        for number, name in enumerate(candidate.classes)
        if (candidate.labels == number).any()
    }
    return dict(sorted(recalls.items(), key=lambda item: item[1]))


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
    if first.test_sha256 != second.test_sha256:
        hashes = f"{first.test_sha256[:8]} against {second.test_sha256[:8]}"
        return f"it was tested on other images ({hashes})"
    return None
