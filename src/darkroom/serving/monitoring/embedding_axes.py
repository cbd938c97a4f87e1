"""The principal axes of a model's embeddings: along them images differ most."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_AXES = 16

Array = NDArray[np.float64]


@dataclass(frozen=True)
class EmbeddingAxes:
    """Centre and principal axes of embeddings.

    Attributes:
        centre: mean embedding, `[D]`; D is 0 if the model has no embedding.
        axes: `[A, D]`, scaled so that the coordinates of the fitted images have mean 0 and deviation 1.
    """

    centre: Array
    axes: Array

    @property
    def count(self) -> int:
        """Number of axes, A."""
        return len(self.axes)

    def coordinates(self, embedding: NDArray[np.float32] | None, images: int) -> Array:
        """Return the coordinates `[N, A]` of N images with embeddings float32 `[N, D]`; `[N, 0]` without."""
        if embedding is None or not self.count:
            return np.zeros((images, 0))
        return np.asarray((embedding - self.centre) @ self.axes.T)

    def distance(self, embedding: NDArray[np.float32]) -> Array:
        """Return the distance of each embedding from the centre along the axes, in deviations, `[N]`."""
        return np.asarray(np.sqrt((self.coordinates(embedding, len(embedding)) ** 2).mean(axis=1)))

    def novelty(self, embedding: NDArray[np.float32]) -> Array:
        """Return the length of the part of each embedding that the axes do not explain, `[N]`.

        It is large for images unlike any that the axes were fitted to.
        """
        scale = np.linalg.norm(self.axes, axis=1)
        along = (self.coordinates(embedding, len(embedding)) ** 2 / scale**2).sum(axis=1)
        whole = ((embedding - self.centre) ** 2).sum(axis=1)
        return np.asarray(np.sqrt(np.maximum(0, whole - along)))


def fit_axes(embedding: NDArray[np.float32] | None) -> EmbeddingAxes:
    """Return the principal axes of embeddings float32 `[N, D]`, at most `MAX_AXES` and one per 20 images.

    >>> import numpy as np
    >>> along_x = np.zeros((100, 3), np.float32)
    >>> along_x[:, 0] = np.arange(100)
    >>> fitted = fit_axes(along_x)
    >>> fitted.count
    1
    >>> round(float(fitted.coordinates(along_x, 100).std(ddof=1)), 3)
    1.0
    >>> fit_axes(None).count
    0
    """
    if embedding is None:
        return EmbeddingAxes(np.zeros(0), np.zeros((0, 0)))
    centre = embedding.mean(axis=0, dtype=np.float64)
    _, lengths, directions = np.linalg.svd(embedding - centre, full_matrices=False)
    deviations = lengths / np.sqrt(max(1, len(embedding) - 1))
    used = (deviations > 1e-6 * max(deviations.max(), 1e-12)).sum()
    count = int(min(MAX_AXES, len(embedding) // 20, used))
    return EmbeddingAxes(centre, directions[:count] / deviations[:count, None])
