"""Test images that are, nearly, among the images learnt from: what a model does with them is memory.

The problem is described by Barz & Denzler 2020, "Do We Train on Test Data? Purging CIFAR of
Near-Duplicates" (arXiv:1902.00423). They compare features of a trained network; here it is the pixels,
which need no network and are the same for every model, but find fewer.

Most of a photograph's variance is its layout, light sky over dark sea, and is shared by strangers. So a
pixel counts by how it differs from its surroundings. Looked at, nearly all of CIFAR-10's pairs from 0.9 on
are the same photograph. Coarse drawings are another matter: different people's 8x8 digits reach 0.98.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage
from tqdm import tqdm

SIDE = 16  # images are compared at this size at most: finer detail differs between copies
SURROUNDINGS = 1 / 4  # of a side: the deviation of the Gaussian
FLAT = 1e-3  # grey levels: an image that deviates less is of one colour but for rounding
TEST_CHUNK = 16_384  # test images compared at once, 48 MiB in colour, and again mirrored
OTHER_CHUNK = 512  # with so many others: 32 MiB of similarities
READ_VALUES = 2**22  # values of images averaged at once: 16 MiB as float32, a few times over


def near_duplicates(
    test: NDArray[np.uint8],
    others: Mapping[str, NDArray[np.uint8]],
    *,
    similarity: float,
    mirror: bool,
) -> pd.DataFrame:
    """Return the test images whose closest image in any of `others` is at least so similar.

    The similarity of two images is the correlation of their pixels, all channels together, after
    averaging over areas to at most 16x16 and less a Gaussian blur of a quarter of that: brighter or with
    less contrast is still the same. Images of one colour correlate with nothing; they are similar (1)
    to equal ones alone. Of equally close images the first counts. However many images there are, less
    than 500 MB are needed.

    Args:
        test: uint8 [N,H,W,C]; may be memory-mapped, as may the others.
        others: the images learnt from, uint8 [M,H,W,C] each, by the name of their split.
        similarity: -1 to 1.
        mirror: compare with the mirrored test image too and count the larger; not for what means
            something else mirrored, as digits do.

    Returns:
        A row a test image, the most similar first: `test_index` (int64), `split` (str, the name in
        `others`), `index` (int64, in that split) and `similarity` (float64, rounded to 5 decimals, which
        is what single precision knows: equal images have 1).

    Raises:
        ValueError: `similarity` is not within -1..1, or arrays are not uint8 of the same [H,W,C].
    """
    if not -1 <= similarity <= 1:
        raise ValueError(f"similarity must lie between -1 and 1, got {similarity}")
    for name, images in [("test", test), *others.items()]:
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != test.shape[1:]:
            raise ValueError(
                f"{name} holds images {images.dtype} {list(images.shape)}: all must be uint8 [N,H,W,C] "
                f"of the same size, as test is {test.dtype} {list(test.shape)}"
            )

    closest = np.full(len(test), -np.inf, dtype=np.float32)
    split, index = np.zeros((2, len(test)), dtype=np.int64)
    pairs = len(test) * sum(len(images) for images in others.values())
    with tqdm(total=pairs, desc="near-duplicates", unit="pairs", unit_scale=True, disable=None) as bar:
        for start in range(0, len(test), TEST_CHUNK):
            rows = slice(start, start + TEST_CHUNK)
            views, flat = _views(test[rows], mirror=mirror)
            for number, images in enumerate(others.values()):
                for first in range(0, len(images), OTHER_CHUNK):
                    chunk = images[first : first + OTHER_CHUNK]
                    value, place = _closest(test[rows], views, flat, chunk)
                    closer = value > closest[rows]
                    closest[rows][closer] = value[closer]
                    split[rows][closer] = number
                    index[rows][closer] = first + place[closer]
                    bar.update(len(value) * len(chunk))

    names = list(others)
    rounded = np.round(closest.astype(np.float64), 5).clip(max=1)
    found = np.flatnonzero(rounded >= similarity)
    found = found[np.argsort(-rounded[found], kind="stable")]
    return pd.DataFrame(
        {
            "test_index": found,
            "split": pd.Series([names[number] for number in split[found]], dtype="str"),
            "index": index[found],
            "similarity": rounded[found],
        }
    )


def _closest(
    test: NDArray[np.uint8],
    views: list[NDArray[np.float32]],
    flat: NDArray[np.bool_],
    others: NDArray[np.uint8],
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return each test image's largest similarity in `others`, -inf for none, and its place there."""
    (theirs,), theirs_flat = _views(others, mirror=False)
    similarities = views[0] @ theirs.T
    for view in views[1:]:
        np.maximum(similarities, view @ theirs.T, out=similarities)
    similarities[:, theirs_flat] = -np.inf
    place = similarities.argmax(axis=1)
    value = similarities[np.arange(len(place)), place]
    value[flat] = -np.inf
    constant = {others[other].tobytes(): other for other in np.flatnonzero(theirs_flat)[::-1]}
    for row in np.flatnonzero(flat) if constant else []:
        if (content := test[row].tobytes()) in constant:
            value[row], place[row] = 1, constant[content]
    return value, place


def _views(images: NDArray[np.uint8], *, mirror: bool) -> tuple[list[NDArray[np.float32]], NDArray[np.bool_]]:
    """Return features float32 [N,D], as they are and mirrored, and which images [N] are of one colour."""
    features, flat = _features(images)
    both = [features, features[:, :, ::-1]] if mirror else [features]
    return [view.reshape(len(view), int(np.prod(view.shape[1:]))) for view in both], flat


def _features(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return what is compared, float32 [N,h,w,C] of mean 0 and norm 1, and which [N] have one colour (0)."""
    _, height, width, channels = images.shape
    down, across = _averages(height), _averages(width)
    features = np.empty((len(images), len(down), len(across), channels), dtype=np.float32)
    step = max(1, READ_VALUES // max(1, height * width * channels))
    for start in range(0, len(images), step):
        chunk = images[start : start + step].astype(np.float32)
        features[start : start + step] = np.einsum("ij,njkc,lk->nilc", down, chunk, across, optimize=True)
    around = (0, SURROUNDINGS * len(down), SURROUNDINGS * len(across), 0)
    features -= ndimage.gaussian_filter(features, around, mode="reflect")
    features -= features.mean(axis=(1, 2, 3), keepdims=True)
    deviation = features.std(axis=(1, 2, 3))
    flat = deviation < FLAT
    size = np.sqrt(features[0].size) if len(features) else 1.0
    features /= (np.where(flat, np.inf, deviation) * size)[:, None, None, None]
    return features, flat


def _averages(pixels: int) -> NDArray[np.float32]:
    """Return the weights [parts, pixels] that average a row of pixels over at most 16 equal parts of it."""
    edges = np.linspace(0, pixels, min(pixels, SIDE) + 1)
    first, last = edges[:-1, None], edges[1:, None]
    pixel = np.arange(pixels)
    overlap = np.clip(np.minimum(last, pixel + 1) - np.maximum(first, pixel), 0, None)
    return np.asarray(overlap / (last - first), dtype=np.float32)
