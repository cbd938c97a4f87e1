"""Degrading images by the name of a corruption and its strength."""

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.corruptions import CORRUPTIONS, STRENGTHS

CHUNK_VALUES = 2**23  # values of images worked on at once: 32 MiB as float32, several times over


def corrupt(images: NDArray[np.uint8], name: str, strength: int, *, seed: int) -> NDArray[np.uint8]:
    """Return the images under the corruption `name`, as uint8 of the same shape; `images` are not changed.

    In an image seven times as large as 32 pixels a blur is seven times as wide, and so is what a block has
    beyond one pixel. Smaller images get the blur and blocks of 32 pixels: a blur of half a pixel would
    hardly be one. Noise and JPEG work on pixels whatever the size, as in a camera.

    Equal arguments give equal images. For noise, fog and rotation a strength only scales what the seed
    drew, and what an image gets does not depend on the images after it.

    >>> grey = np.full((1, 2, 2, 1), 100, dtype=np.uint8)
    >>> corrupt(grey, "brightness", 4, seed=0).ravel().tolist()
    [151, 151, 151, 151]

    Args:
        images: uint8 [N,H,W,C], H and W at least 2, C 1 or 3; may be memory-mapped.
        name: one of `CORRUPTIONS`.
        strength: one of `STRENGTHS`, 5 being the hardest.
        seed: of what is drawn, 0 or more.

    Raises:
        ValueError: an unknown name or strength, images of another type or shape, or a negative seed.
    """
    _require(images, name, strength, seed)
    corruption = CORRUPTIONS[name]
    level = corruption.levels[STRENGTHS.index(strength)]
    generator = np.random.default_rng([seed, list(CORRUPTIONS).index(name)])
    result = np.empty(images.shape, dtype=np.uint8)
    step = max(1, CHUNK_VALUES // int(np.prod(images.shape[1:])))
    for start in range(0, len(images), step):
        changed = corruption.apply(np.asarray(images[start : start + step]), level, generator)
        result[start : start + step] = np.rint(changed).clip(0, 255)
    return result


def _require(images: NDArray[np.uint8], name: str, strength: int, seed: int) -> None:
    """Raise ValueError where an argument of `corrupt` is not as described."""
    if name not in CORRUPTIONS:
        raise ValueError(f"there is no corruption {name!r}: take one of {', '.join(CORRUPTIONS)}")
    if strength not in STRENGTHS:
        raise ValueError(f"strength must be {STRENGTHS[0]} to {STRENGTHS[-1]}, got {strength}")
    drawable = images.dtype == np.uint8 and images.ndim == 4 and images.shape[3] in (1, 3)
    if not drawable or min(images.shape[1:3]) < 2:
        raise ValueError(
            "images must be uint8 [N,H,W,C], with H and W of at least 2 and C of 1 or 3, "
            f"got {images.dtype} {list(images.shape)}"
        )
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, got {seed}")
