"""Near-duplicates: test images that are also, slightly changed, among the training images.

A model can memorise them, so they inflate its test accuracy. The problem is described by Barz & Denzler 2020,
"Do We Train on Test Data? Purging CIFAR of Near-Duplicates" (arXiv:1902.00423). They compare features of a
trained network. Here pixels are compared, which needs no network and gives the same result for every model,
but finds fewer duplicates.

Most of a photograph's variance is its layout, such as light sky over dark sea, which unrelated photographs
share. So each pixel is compared by its difference from its surroundings. Inspected by eye, nearly all pairs
of CIFAR-10 from a similarity of 0.9 on are the same photograph. Coarse drawings are more alike: 8x8 digits
by different people reach 0.98.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage
from tqdm import tqdm

from darkroom.data.rows import Rows

SIDE = 16  # images are compared at this size at most: finer detail differs between copies
SURROUNDINGS = 1 / 4  # of a side: the deviation of the Gaussian
FLAT = 1e-3  # grey levels: with a smaller standard deviation an image has one colour, apart from rounding
TEST_CHUNK = 16_384  # test images compared at once, 48 MiB in colour, and again mirrored
OTHER_CHUNK = 512  # other images compared at once: 32 MiB of similarities
PAIR_CHUNK = 4096  # pairs compared at once: 24 MiB of colour features a view
READ_VALUES = 2**22  # values of images averaged at once: 16 MiB as float32, a few times over


def near_duplicates(
    test: NDArray[np.uint8],
    others: Mapping[str, NDArray[np.uint8]],
    *,
    similarity: float,
    mirror: bool,
) -> pd.DataFrame:
    """Return the test images whose closest image in any of `others` has at least this similarity.

    The similarity of two images is the correlation of their pixels, all channels together, after
    averaging over areas to at most 16x16 and subtracting a Gaussian blur of a quarter of that: a change of
    brightness or contrast does not matter. An image of one colour correlates with nothing; its similarity
    is 1 to equal images only. Of equally close images the first counts. Memory stays below 500 MB, however
    many images there are.

    Args:
        test: uint8 [N,H,W,C]; may be memory-mapped, as may the others.
        others: the images to compare with, uint8 [M,H,W,C] each, by the name of their split.
        similarity: -1 to 1.
        mirror: also compare the mirrored test image and count the larger similarity; not for images that
            mean something else when mirrored, such as digits.

    Returns:
        One row per test image, the most similar first: `test_index` (int64), `split` (str, the name in
        `others`), `index` (int64, in that split) and `similarity` (float64, rounded to 5 decimals, the
        accuracy of single precision: equal images have 1).

    Raises:
        ValueError: `similarity` is not within -1..1, or arrays are not uint8 of the same [H,W,C].

    Example:
        >>> images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
        >>> brighter = images[2:] // 2 + 100
        >>> near_duplicates(brighter, {"train": images}, similarity=0.9, mirror=False)["index"].tolist()
        [2]
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


def similar_pairs(
    images: NDArray[np.uint8] | Rows,
    *,
    similarity: float,
    mirror: bool,
    candidates: Iterable[tuple[int, int]] | None = None,
) -> list[tuple[int, int]]:
    """Return the pairs of images of at least this similarity, as places, the smaller first.

    The similarity is that of `near_duplicates`, but images of one colour are similar to nothing.

    Args:
        images: uint8 [N,H,W,C], read in parts.
        similarity: -1 to 1.
        mirror: also compare the mirrored image.
        candidates: the pairs to compare, the smaller place first; None compares all pairs, whose number grows
            with the square of the number of images.

    Example:
        >>> images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
        >>> images[2] = images[0] // 2 + 100  # brighter, of less contrast
        >>> similar_pairs(images, similarity=0.9, mirror=False)
        [(0, 2)]
    """
    if candidates is not None:
        return _similar_candidates(images, candidates, similarity=similarity, mirror=mirror)
    views, flat = _views(images, mirror=mirror)
    pairs: list[tuple[int, int]] = []
    with tqdm(total=len(images), desc="duplicates", unit="images", disable=None) as bar:
        for start in range(0, len(images), OTHER_CHUNK):
            chunk = views[0][start : start + OTHER_CHUNK]
            end = start + len(chunk)
            value = views[0][:end] @ chunk.T
            for view in views[1:]:
                np.maximum(value, view[:end] @ chunk.T, out=value)
            value[flat[:end]] = -np.inf
            one, other = np.nonzero(value >= similarity)
            other += start
            pairs += [pair for pair in zip(one.tolist(), other.tolist(), strict=True) if pair[0] < pair[1]]
            bar.update(len(chunk))
    return pairs


def _similar_candidates(
    images: NDArray[np.uint8] | Rows,
    candidates: Iterable[tuple[int, int]],
    *,
    similarity: float,
    mirror: bool,
) -> list[tuple[int, int]]:
    """Return those of the pairs `candidates` that have at least this similarity."""
    pairs: list[tuple[int, int]] = []
    with tqdm(desc="duplicates", unit="pairs", disable=None) as bar:
        for chunk in _batched(candidates, PAIR_CHUNK):
            places, where = np.unique(np.array(chunk), return_inverse=True)
            views, flat = _views(images[places], mirror=mirror)
            one, other = where.reshape(-1, 2).T
            value = np.max([np.einsum("ij,ij->i", view[one], views[0][other]) for view in views], axis=0)
            found = (value >= similarity) & ~flat[one] & ~flat[other]
            pairs += [pair for pair, similar in zip(chunk, found, strict=True) if similar]
            bar.update(len(chunk))
    return pairs


def _batched(pairs: Iterable[tuple[int, int]], count: int) -> Iterator[list[tuple[int, int]]]:
    """Yield lists of up to `count` pairs (itertools.batched came with Python 3.12)."""
    rest = iter(pairs)
    while chunk := list(islice(rest, count)):
        yield chunk


def _closest(
    test: NDArray[np.uint8],
    views: list[NDArray[np.float32]],
    flat: NDArray[np.bool_],
    others: NDArray[np.uint8],
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return for each test image the largest similarity in `others`, -inf for none, and its place there."""
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


def _views(
    images: NDArray[np.uint8] | Rows, *, mirror: bool
) -> tuple[list[NDArray[np.float32]], NDArray[np.bool_]]:
    """Return features float32 [N,D], unchanged and mirrored, and which images [N] have one colour."""
    features, flat = _features(images)
    both = [features, features[:, :, ::-1]] if mirror else [features]
    return [view.reshape(len(view), int(np.prod(view.shape[1:]))) for view in both], flat


def _features(images: NDArray[np.uint8] | Rows) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the compared values, float32 [N,h,w,C] of mean 0 and norm 1, and which images have one colour.

    Images of one colour get zeros.
    """
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
