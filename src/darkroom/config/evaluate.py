"""The section `evaluate` of params.yaml."""

from typing import Annotated

from pydantic import Field

from darkroom.config.base import Positive, Section


class Evaluate(Section):
    """What the evaluation on the test images reports.

    Attributes:
        top_k: a prediction also counts when the true class is among this many.
        misclassified: images in each gallery, the worst first.
        resamples: bootstrap samples of the test images, for the intervals that have no formula.
        corruption_images: test images in each of 8 corruptions at 5 strengths.
        duplicate_similarity: correlation of pixels, -1 to 1, from which on a test image counts as a
            near-duplicate of a training image.
    """

    top_k: Positive
    misclassified: Annotated[int, Field(ge=0, le=1000)]
    resamples: Annotated[int, Field(ge=100, le=1_000_000)]
    corruption_images: Positive
    duplicate_similarity: Annotated[float, Field(gt=0, le=1)]
