"""Statistics of single images as the model sees them, for the prediction log and the detection of drift."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

STATISTICS = ("brightness", "contrast", "saturation", "warmth", "sharpness", "grain")
CHUNK_VALUES = 2**20  # pixel values computed at once: a few megabytes
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601


def measure(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the `STATISTICS`, float32 `[N, 6]`, of uint8 `[N,H,W,C]` images, C 1 or 3.

    - brightness: the mean grey, from 0 (black) to 1 (white).
    - contrast: the standard deviation of the grey over the image, from 0 to 0.5.
    - saturation: the mean difference of the largest and smallest channel, from 0 to 1; 0 for one channel.
    - warmth: the mean of red minus blue, from -1 to 1; 0 for one channel.
    - sharpness: the logarithm of the mean difference of neighbouring pixels; falls with blur.
    - grain: the logarithm of the mean second difference over the mean first one; rises with noise and
      compression blocks.

    >>> white, red = np.full((1, 4, 4, 3), 255, np.uint8), np.zeros((1, 4, 4, 3), np.uint8)
    >>> red[..., 0] = 255
    >>> measure(np.concatenate([white, red]))[:, :4].round(3).tolist()
    [[1.0, 0.0, 0.0, 0.0], [0.29899999499320984, 0.0, 1.0, 1.0]]
    """
    return np.concatenate([_measure_chunk(chunk) for chunk in _chunks(images)])


def _chunks(images: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    step = max(1, CHUNK_VALUES // max(1, int(np.prod(images.shape[1:]))))
    for start in range(0, max(1, len(images)), step):
        yield images[start : start + step]


def _measure_chunk(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    values = images.astype(np.float32) / 255
    grey = values[..., 0] if values.shape[3] == 1 else values @ _LUMA
    result = np.zeros((len(values), len(STATISTICS)), dtype=np.float32)
    result[:, 0] = grey.mean(axis=(1, 2))
    result[:, 1] = grey.std(axis=(1, 2))
    if values.shape[3] == 3:
        result[:, 2] = (values.max(axis=3) - values.min(axis=3)).mean(axis=(1, 2))
        result[:, 3] = (values[..., 0] - values[..., 2]).mean(axis=(1, 2))
    first = _mean_magnitude(np.diff(grey, axis=1), np.diff(grey, axis=2))
    second = _mean_magnitude(np.diff(grey, 2, axis=1), np.diff(grey, 2, axis=2))
    result[:, 4] = np.log(first + 1e-3)
    result[:, 5] = np.log((second + 1e-4) / (first + 1e-4))
    return result


def _mean_magnitude(*differences: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean magnitude, float32 `[N]`, of several arrays of differences `[N, rows, columns]`."""
    sizes = [np.abs(part).sum(axis=(1, 2)) for part in differences]
    return np.asarray(
        sum(sizes) / max(1, sum(part.shape[1] * part.shape[2] for part in differences)), dtype=np.float32
    )
