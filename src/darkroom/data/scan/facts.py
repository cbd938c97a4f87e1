"""The facts of one image file: hashes, size, mode, and its pixels as the model sees them."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

from darkroom.images.decoding import load_for_model
from darkroom.images.formats import ImageError, open_image
from darkroom.images.resizing import Fit, to_model_input

ORIENTATION = 0x0112  # the EXIF tag
PROBLEMS = {"empty": "empty", "broken_image": "damaged", "not_an_image": "no image that can be read"}
GREY_MODES = ("1", "L", "LA", "I;16", "I;16B", "I;16L", "I", "F")


@dataclass(frozen=True)
class Facts:
    """What is known of one file.

    Attributes:
        sha256: of the file; empty where it cannot be read.
        width: of the image as it is stored, in pixels; 0 where it cannot be decoded.
        height: of the image as it is stored, in pixels.
        mode: Pillow's name of the kind of pixels.
        format: Pillow's name of the file format.
        orientation: of EXIF, 1 to 8; 1 where there is none.
        phash: perceptual hash, 64 bits as 16 hexadecimal digits: alike for images that look alike.
        brightness: mean of the grey values, 0 to 255.
        contrast: standard deviation of the grey values.
        sharpness: variance of the Laplacian of the grey values at 64x64 pixels; low for a blurred image.
        problem: why the file is no image that can be used; empty if it is one.
    """

    sha256: str = ""
    width: int = 0
    height: int = 0
    mode: str = ""
    format: str = ""
    orientation: int = 1
    phash: str = ""
    brightness: float = 0.0
    contrast: float = 0.0
    sharpness: float = 0.0
    problem: str = ""


def examine(
    data: bytes, *, height: int, width: int, channels: int, fit: Fit = "crop"
) -> tuple[Facts, NDArray[np.uint8] | None]:
    """Return the facts of the file with these bytes, and its pixels uint8 [H,W,C]; None where it is no image.

    The pixels are those that the service makes of a request with the same bytes.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        image = open_image(data)
        stored = Facts(
            sha256=sha256,
            width=image.width,
            height=image.height,
            mode=image.mode,
            format=image.format or "",
            orientation=_orientation(image),
        )
        upright = load_for_model(image, height=height, width=width, fit=fit)
        pixels = to_model_input(upright, height=height, width=width, channels=channels, fit=fit)
    except ImageError as error:
        return Facts(sha256=sha256, problem=_problem(error)), None
    return _with_looks(stored, upright), pixels


def _problem(error: ImageError) -> str:
    """Return why an image is left out: a word or two for its kind, and what the service says of it."""
    kind = PROBLEMS.get(error.code, error.code.replace("_", " "))
    return f"{kind}: {error.message}"


def is_grey(data: bytes) -> bool | None:
    """Whether the image in a file has no colours by its mode; None where it is no image."""
    try:
        return open_image(data).mode in GREY_MODES
    except ImageError:
        return None


def perceptual_hash(grey: NDArray[np.uint8]) -> str:
    """Return the 64-bit perceptual hash of a grey image uint8 [32,32] as 16 hexadecimal digits.

    A bit for each of the 8x8 lowest frequencies of its cosine transform, set above their median: pHash
    (Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions").

    >>> ramp = np.arange(0, 256, 8, dtype=np.uint8)[None].repeat(32, 0)
    >>> perceptual_hash(ramp) == perceptual_hash(ramp // 2 + 40)  # brightness and contrast do not matter
    True
    """
    low = dctn(grey.astype(np.float64), norm="ortho")[:8, :8].round(6).reshape(-1)
    bits = low > np.median(low[1:])  # the first is the mean, which is brightness
    bits[0] = False
    return np.packbits(bits).tobytes().hex()


def _with_looks(facts: Facts, image: Image.Image) -> Facts:
    """Return the facts with those that come from the pixels of the upright image."""
    grey = image.convert("L")
    small = np.asarray(grey.resize((64, 64), Image.Resampling.BOX), dtype=np.float64)
    around = small[:-2, 1:-1] + small[2:, 1:-1] + small[1:-1, :-2] + small[1:-1, 2:]
    laplacian = around - 4 * small[1:-1, 1:-1]
    return replace(
        facts,
        phash=perceptual_hash(np.asarray(grey.resize((32, 32), Image.Resampling.BOX))),
        brightness=round(float(small.mean()), 2),
        contrast=round(float(small.std()), 2),
        sharpness=round(float(laplacian.var()), 2),
    )


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # a damaged block of EXIF: decoding ignores it too
        return 1
