"""Numbers that describe an image as the model sees it, whatever is on it: for the log and for drift."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

STATISTICS = ("brightness", "contrast", "saturation", "warmth", "sharpness", "grain")
CHUNK_VALUES = 2**20  # of images worked on at once: a few megabytes
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def measure(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the `STATISTICS`, float32 `[N, 6]`, of uint8 `[N,H,W,C]` images, C 1 or 3.

    brightness: the mean grey, 0 black to 1 white
    contrast: its deviation over the image
    saturation: how far apart the channels are on average, 0 to 1; 0 where there is one
    warmth: red over blue on average, -1 to 1; 0 where there is one channel
    sharpness: how much neighbours differ, as a logarithm: falls with blur
    grain: how much of that goes up and down at once, as a logarithm: rises with noise and blocks
    """
    return np.concatenate([_measured(part) for part in _parts(images)])


def _parts(images: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    step = max(1, CHUNK_VALUES // max(1, int(np.prod(images.shape[1:]))))
    for start in range(0, max(1, len(images)), step):
        yield images[start : start + step]


def _measured(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    values = images.astype(np.float32) / 255
    grey = values[..., 0] if values.shape[3] == 1 else values @ _LUMA
    result = np.zeros((len(values), len(STATISTICS)), dtype=np.float32)
    result[:, 0] = grey.mean(axis=(1, 2))
    result[:, 1] = grey.std(axis=(1, 2))
    if values.shape[3] == 3:
        result[:, 2] = (values.max(axis=3) - values.min(axis=3)).mean(axis=(1, 2))
        result[:, 3] = (values[..., 0] - values[..., 2]).mean(axis=(1, 2))
    first = _roughness(np.diff(grey, axis=1), np.diff(grey, axis=2))
    second = _roughness(np.diff(grey, 2, axis=1), np.diff(grey, 2, axis=2))
    result[:, 4] = np.log(first + 1e-3)
    result[:, 5] = np.log((second + 1e-4) / (first + 1e-4))
    return result


def _roughness(*differences: NDArray[np.float32]) -> NDArray[np.float32]:
    sizes = [np.abs(part).sum(axis=(1, 2)) for part in differences]
    return np.asarray(
        sum(sizes) / max(1, sum(part.shape[1] * part.shape[2] for part in differences)), dtype=np.float32
    )
