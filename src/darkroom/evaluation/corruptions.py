"""Images made worse in eight ways and five strengths, to see how much of that a classifier stands.

After Hendrycks & Dietterich 2019, "Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations" (arXiv:1903.12261), but computed from the images at hand, so that any data set has it.
Noise, blur, contrast, JPEG and pixelation are as strong as their version of CIFAR-10; brightness, fog and
rotation are similar to theirs or our own, so accuracies do not compare with published ones.
"""

from collections.abc import Callable
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

STRENGTHS = (1, 2, 3, 4, 5)
NUMBERS: dict[str, tuple[float, ...]] = {  # one a strength
    "noise": (0.04, 0.06, 0.08, 0.09, 0.10),  # standard deviation of the Gaussian; white is 1
    "blur": (0.4, 0.6, 0.7, 0.8, 1.0),  # standard deviation of the Gaussian, in pixels of a side of 32
    "contrast": (0.75, 0.5, 0.4, 0.3, 0.15),  # what is left of the distance to the image's mean colour
    "brightness": (0.05, 0.1, 0.15, 0.2, 0.3),  # added; white is 1
    "jpeg": (80, 65, 58, 50, 40),  # Pillow's quality
    "pixelate": (0.95, 0.9, 0.85, 0.75, 0.65),  # blocks a pixel, along a side of 32
    "fog": (0.15, 0.3, 0.4, 0.5, 0.6),  # mean opacity
    "rotation": (5, 10, 15, 20, 30),  # degrees
}
CORRUPTIONS = tuple(NUMBERS)

SIDE = 32  # of the images that the table's sizes are meant for
FOG_LIGHT = 230  # grey level of a fog that hides everything
FOG_OCTAVES = (6, 12, 24)  # clouds a side: the largest, and those in them
CHUNK_VALUES = 2**23  # values of images worked on at once: 32 MiB as float32, several times over


def corrupt(images: NDArray[np.uint8], name: str, strength: int, *, seed: int) -> NDArray[np.uint8]:
    """Return the images under the corruption `name`, as uint8 of the same shape; `images` stay as they are.

    In an image seven times as large as 32 pixels a blur is seven times as wide, and so is what a block has
    beyond one pixel. In smaller images both are as at 32: a blur of half a pixel is hardly one. Noise
    and JPEG are of pixels whatever the size, as in a camera.

    Equal arguments give equal images; of noise, fog and rotation a strength only enlarges what the seed
    drew, and what an image gets does not depend on those after it.

    Args:
        images: uint8 [N,H,W,C], H and W at least 2, C 1 or 3; may be memory-mapped.
        name: one of `CORRUPTIONS`.
        strength: one of `STRENGTHS`, 5 being the hardest.
        seed: of what is drawn, 0 or more.

    Raises:
        ValueError: an unknown name or strength, images of another type or shape, or a negative seed.
    """
    ways = {
        "noise": _noise,
        "blur": _blur,
        "contrast": _contrast,
        "brightness": _brightness,
        "jpeg": _jpeg,
        "pixelate": _pixelate,
        "fog": _fog,
        "rotation": _rotation,
    }
    if name not in ways:
        raise ValueError(f"there is no corruption {name!r}: take one of {', '.join(CORRUPTIONS)}")
    if strength not in STRENGTHS:
        raise ValueError(f"strength must be {STRENGTHS[0]} to {STRENGTHS[-1]}, got {strength}")
    if (
        images.dtype != np.uint8
        or images.ndim != 4
        or images.shape[3] not in (1, 3)
        or min(images.shape[1:3]) < 2
    ):
        raise ValueError(
            "images must be uint8 [N,H,W,C], with H and W of at least 2 and C of 1 or 3, "
            f"got {images.dtype} {list(images.shape)}"
        )
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, got {seed}")

    number = NUMBERS[name][STRENGTHS.index(strength)]
    generator = np.random.default_rng([seed, CORRUPTIONS.index(name)])
    result = np.empty(images.shape, dtype=np.uint8)
    step = max(1, CHUNK_VALUES // int(np.prod(images.shape[1:])))
    for start in range(0, len(images), step):
        changed = ways[name](np.asarray(images[start : start + step]), number, generator)
        result[start : start + step] = np.rint(changed).clip(0, 255)
    return result


def _noise(
    images: NDArray[np.uint8], deviation: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    drawn = generator.standard_normal(images.shape, dtype=np.float32)
    return images + np.float32(255 * deviation) * drawn


def _blur(images: NDArray[np.uint8], deviation: float, _: np.random.Generator) -> NDArray[np.float32]:
    deviation *= _pixel(images)
    blurred: NDArray[np.float32] = ndimage.gaussian_filter(
        images.astype(np.float32), (0, deviation, deviation, 0), mode="reflect"
    )
    return blurred


def _contrast(images: NDArray[np.uint8], left: float, _: np.random.Generator) -> NDArray[np.float32]:
    mean: NDArray[np.float32] = images.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
    return mean + np.float32(left) * (images - mean)


def _brightness(images: NDArray[np.uint8], added: float, _: np.random.Generator) -> NDArray[np.float32]:
    return images + np.float32(255 * added)


def _jpeg(images: NDArray[np.uint8], quality: float, _: np.random.Generator) -> NDArray[np.float32]:
    def through_jpeg(image: Image.Image) -> Image.Image:
        file = BytesIO()
        image.save(file, "JPEG", quality=int(quality))
        return Image.open(file)

    return _each(images, through_jpeg)


def _pixelate(images: NDArray[np.uint8], share: float, _: np.random.Generator) -> NDArray[np.float32]:
    height, width = images.shape[1:3]
    block = 1 + (1 / share - 1) * _pixel(images)
    least = NUMBERS["pixelate"].index(share) + 1  # so many are lost in any case, or small images stay alike
    across, down = (max(1, min(round(pixels / block), pixels - least)) for pixels in (width, height))
    return _each(
        images,
        lambda image: image.resize((across, down), Image.Resampling.BOX).resize(
            (width, height), Image.Resampling.NEAREST
        ),
    )


def _fog(images: NDArray[np.uint8], opacity: float, generator: np.random.Generator) -> NDArray[np.float32]:
    """Mix in light grey, in one place half as much as on average, in another half as much again."""
    count, height, width, _ = images.shape
    noise = generator.standard_normal((count, height, width), dtype=np.float32)
    # Gaussian filters of white noise, by their spectrum: the field goes on across the image's edges.
    squared = np.fft.fftfreq(height)[:, None] ** 2 + np.fft.rfftfreq(width) ** 2
    spectrum = np.zeros_like(squared)
    for clouds in FOG_OCTAVES:
        deviation = min(height, width) / clouds
        # The wider the filter, the fainter what it leaves: the square makes each octave half the one before.
        spectrum += np.exp(-2 * (np.pi * deviation) ** 2 * squared) / clouds**2
    field = np.fft.irfft2(np.fft.rfft2(noise) * spectrum.astype(np.float32), s=(height, width))
    low, high = (extreme(field, axis=(1, 2), keepdims=True) for extreme in (np.min, np.max))
    thickness = np.float32(opacity) * (np.float32(0.5) + (field - low) / (high - low))[..., None]
    return np.asarray(images + thickness * (np.float32(FOG_LIGHT) - images))


def _rotation(
    images: NDArray[np.uint8], degrees: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Turn each image about its centre, to the left or to the right; what comes in is the mirrored edge."""
    left = generator.random(len(images)) < 0.5
    turned = np.empty(images.shape, dtype=np.float32)
    for which, angle in ((left, degrees), (~left, -degrees)):
        turned[which] = ndimage.rotate(
            images[which].astype(np.float32), angle, axes=(2, 1), reshape=False, order=1, mode="reflect"
        )
    return turned


def _each(images: NDArray[np.uint8], change: Callable[[Image.Image], Image.Image]) -> NDArray[np.float32]:
    """Change images one by one as Pillow's images."""
    changed = np.empty(images.shape, dtype=np.float32)
    for place, image in enumerate(images):
        result = change(Image.fromarray(image[..., 0] if image.shape[2] == 1 else image))
        changed[place] = np.asarray(result).reshape(image.shape)
    return changed


def _pixel(images: NDArray[np.uint8]) -> float:
    """Return how many pixels a pixel of an image with a side of 32 is here, at least 1."""
    return max(1.0, float(min(images.shape[1:3])) / SIDE)
