"""For tests of the gate: its parameters, and candidates that misclassify given images of 1,000."""

import numpy as np
from numpy.typing import NDArray

from darkroom.config.gate import Gate
from darkroom.registry.candidate import Candidate

GATE = Gate(
    min_average_precision=0.0,
    significance=0.05,
    min_accuracy=0.5,
    min_class_recall=0.2,
    max_recall_fall=1.0,
    max_calibration_error=0.1,
    max_milliseconds=50,
)
LABELS = np.arange(1000) % 2


def candidate(correct: NDArray[np.bool_], version: str = "1") -> Candidate:
    """Return a candidate that classifies the images in `correct`, bool [1000], correctly."""
    return Candidate(
        version=version,
        test_sha256="a" * 64,
        classes=("cat", "dog"),
        labels=LABELS,
        predictions=np.where(correct, LABELS, 1 - LABELS),
        calibration_error=0.02,
        milliseconds=3.0,
    )


def correct_but(start: int = 0, stop: int = 0, *, images: int = 1000) -> NDArray[np.bool_]:
    """Return which of `images` test images are correct: all but those from `start` to `stop`."""
    correct = np.ones(images, dtype=bool)
    correct[start:stop] = False
    return correct
