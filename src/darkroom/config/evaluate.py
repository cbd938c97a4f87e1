"""The section `evaluate` of params.yaml."""

from typing import Annotated

from pydantic import Field

from darkroom.config.base import Count, Positive, Section


class Evaluate(Section):
    """What evaluation reports besides the usual."""

    top_k: Positive
    misclassified: Count
    resamples: Annotated[int, Field(ge=100)]
    corruption_images: Positive
    duplicate_similarity: Annotated[float, Field(gt=0, le=1)]
