"""For tests of drift: a small model with a reference, and images like those of the reference."""

import atexit
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.serving.monitoring.reference import Reference
from darkroom.serving.monitoring.reference_file import read_reference
from darkroom.serving.prediction.model import Classifier
from tests.helpers.serving import CIFAR, random_image, write_champion


@dataclass(frozen=True)
class DriftModel:
    """A classifier of 32×32 images in colour, with its reference for drift; `folder` holds both."""

    folder: Path
    classifier: Classifier
    reference: Reference

    def rows(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self.reference.describe(pixels, self.classifier.explain(pixels))

    def scores(self, pixels: NDArray[np.uint8], **changes: Any) -> dict[str, float]:
        """Return the scores of images, with `changes` of their prediction."""
        prediction = self.classifier.explain(pixels)._replace(**changes)
        return self.reference.scores(self.reference.describe(pixels, prediction))


@cache
def drift_model() -> DriftModel:
    folder = Path(tempfile.mkdtemp(prefix="darkroom-drift-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shape: dict[str, Any] = {"classes": CIFAR, "height": 32, "width": 32, "channels": 3}
    write_champion(folder, name="cifar10", **shape, reference=True, confident_from=0.47)
    classifier = Classifier(folder, threads=1)
    reference = read_reference(folder / "reference.json", sha256=classifier.about["sha256"])
    return DriftModel(folder, classifier, reference)


@cache
def unshifted_images() -> NDArray[np.uint8]:
    """Return 2,000 images distributed like those of the reference, none of which is in it."""
    return np.stack([random_image(seed=seed) for seed in range(2000)])


def brighter(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(np.clip(pixels.astype(int) + 60, 0, 255), np.uint8)
