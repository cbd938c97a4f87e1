"""The features of an image that drift is measured on, and the row in which they are kept.

A row is float32: the predicted class, the features that the reference has bins for, then the image's
coordinates along the embedding's principal axes.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...images.statistics import STATISTICS
from ..prediction.runtime import Prediction
from .embedding_axes import EmbeddingAxes

EMBEDDING_FEATURES = ("distance", "novelty")

Features = dict[str, NDArray[Any]]


def image_features(statistics: NDArray[np.float32], prediction: Prediction, axes: EmbeddingAxes) -> Features:
    """Return each feature's values `[N]` by name.

    Args:
        statistics: the images' `STATISTICS`, `[N, 6]`, as `images.statistics.measure` returns them.
        prediction: of the model on the same images.
        axes: of its embedding; without one, the `EMBEDDING_FEATURES` are left out.
    """
    features: Features = {"confidence": prediction.probabilities.max(axis=1)}
    features |= dict(zip(STATISTICS, statistics.T, strict=True))
    if prediction.embedding is not None and axes.count:
        features["distance"] = axes.distance(prediction.embedding)
        features["novelty"] = axes.novelty(prediction.embedding)
    return features


def feature_rows(
    features: Features, chosen: Iterable[str], prediction: Prediction, axes: EmbeddingAxes
) -> NDArray[np.float32]:
    """Return the rows float32 `[N, 1+S+A]` of N images with the S `chosen` features."""
    probabilities = prediction.probabilities
    columns = [probabilities.argmax(axis=1), *(features[name] for name in chosen)]
    coordinates = axes.coordinates(prediction.embedding, len(probabilities))
    return np.column_stack([*columns, *coordinates.T]).astype(np.float32)
