"""Building the reference for drift from images that the model was not trained on."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...images.statistics import measure
from ..prediction.runtime import Prediction
from .counts import indicate
from .embedding_axes import EmbeddingAxes, fit_axes
from .features import Features, feature_rows, image_features
from .label_pairs import watched_labels
from .reference import Reference
from .thresholds import find_thresholds

MIN_REFERENCE_IMAGES = 50
MAX_BINS = 32  # of each feature, with as many of the reference images in each


def build_reference(
    pixels: NDArray[np.uint8],
    prediction: Prediction,
    *,
    classes: Sequence[str],
    sha256: str,
    held_out: bool = True,
    seed: int = 0,
    given_from: Sequence[float] | None = None,
) -> Reference:
    """Return the reference for images and the served graph's prediction on them.

    A feature that has the same value for nearly all images is left out.

    Args:
        pixels: the reference images, uint8 `[N,H,W,C]`.
        prediction: of the graph on them.
        classes: the model's class names.
        sha256: of the model's graph.
        held_out: whether the model was not trained on the images. On training images it is more confident
            than on new ones, so confidence and embedding are then left out.
        seed: of the simulated streams.
        given_from: of several labels, the probability from which an image is given each, `[K]`.

    Raises:
        ValueError: there are fewer than `MIN_REFERENCE_IMAGES` images.
    """
    if len(pixels) < MIN_REFERENCE_IMAGES:
        raise ValueError(f"{len(pixels)} images are too few for a reference; needed: {MIN_REFERENCE_IMAGES}")
    if not held_out:
        prediction = prediction._replace(embedding=None)
    axes = fit_axes(prediction.embedding)
    features = _usable(image_features(measure(pixels), prediction, axes), axes, held_out=held_out)
    bins = max(4, min(MAX_BINS, len(pixels) // 10))
    features = {name: values for name, values in features.items() if len(np.unique(values)) > bins}
    inner = np.linspace(0, 1, bins + 1)[1:-1]
    edges = np.array([np.quantile(values, inner) for values in features.values()])
    edges = edges.reshape(len(features), bins - 1)
    rows = feature_rows(features, features, prediction, axes)
    labels = None if given_from is None else watched_labels(prediction, np.array(given_from, np.float64))
    if labels is not None:
        rows = labels.with_given(rows, prediction)
    counted = indicate(rows, edges, len(classes), pairs=None if labels is None else labels.pairs)
    return Reference(
        sha256=sha256,
        classes=tuple(classes),
        images=len(pixels),
        features=tuple(features),
        edges=edges,
        shares=counted.bins.mean(axis=0),
        class_shares=counted.classes.mean(axis=0),
        axes=axes,
        thresholds=find_thresholds(counted, seed=seed),
        labels=labels,
    )


def _usable(features: Features, axes: EmbeddingAxes, *, held_out: bool) -> Features:
    """Return the features whose values on new images are comparable."""
    unusable = set[str]()
    if not held_out:
        unusable.add("confidence")
    # where the axes leave nothing but rounding errors, those of another machine differ
    if "novelty" in features and (
        np.median(features["novelty"]) < 1e-3 / np.linalg.norm(axes.axes, axis=1).max()
    ):
        unusable.add("novelty")
    return {name: values for name, values in features.items() if name not in unusable}
