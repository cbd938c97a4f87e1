"""Colours: from an image's own colour space to sRGB, which training data are in.

littleCMS converts, with relative colorimetric intent and black point compensation, as image editors do. A
profile is tried on a sample of colours once; where it changes none, the image is left as it is, so that the
sRGB profile which most images carry costs a look-up (docs/images.md has what the others cost).
"""

import io
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

MAX_PROFILE_BYTES = 4_000_000  # those of printers have up to 3 MB; together with the cache it bounds memory
_SPACES = {"GRAY": "L", "RGB ": "RGB", "CMYK": "CMYK"}  # Pillow's modes by the profiles' colour spaces
_CLASSES = ("scnr", "mntr", "prtr", "spac")  # of profiles that describe a colour space
Convert = Callable[[Image.Image], Image.Image]
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the image in sRGB; unchanged where its ICC profile is broken, is for another mode, or is sRGB.

    Args:
        image: mode L, LA, RGB, RGBA or CMYK, 8 bits.
        profile: its ICC profile; None where it has none.

    Returns:
        The image in the same mode, but CMYK becomes RGB where it has a profile.

    >>> to_srgb(Image.new("RGB", (1, 1), (9, 8, 7)), b"no profile").getpixel((0, 0))
    (9, 8, 7)
    """
    if not profile or len(profile) > MAX_PROFILE_BYTES:
        return image
    mode, convert = _conversion(profile)
    if convert is None:
        return image
    colours = image.convert(image.mode.removesuffix("A")) if image.mode in ("LA", "RGBA") else image
    if mode == "RGB" and colours.mode == "L":  # a grey image with the profile of a colour one
        colours = colours.convert("RGB")
    if colours.mode != mode:
        return image
    converted = convert(colours)
    if image.mode in ("L", "LA"):
        converted = converted.convert("L")
    if image.mode in ("LA", "RGBA"):
        converted.putalpha(image.getchannel("A"))
    return converted


def lab_to_srgb(image: Image.Image) -> Image.Image:
    """Return a CIE L*a*b* image (mode LAB) in sRGB, mode RGB."""
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB", 5000))  # D50, as TIFF and ICC define it
    return _apply(image, _transform(lab, "LAB"))


@lru_cache(maxsize=8)  # one takes 1 to 40 ms to make
def _conversion(profile: bytes) -> tuple[str, Convert | None]:
    """Return the mode that a profile is for, and its conversion; None where there is nothing to convert."""
    try:
        parsed = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _SPACES.get(parsed.profile.xcolor_space, "")
        if not mode or parsed.profile.device_class not in _CLASSES:
            return mode, None
        sample = _sample(mode)
        transform = _transform(parsed, mode)
        converted = _apply(sample, transform)
    except Exception:  # a broken profile is no reason to refuse an image; Pillow raises several types
        return "", None
    if mode != "CMYK" and _difference(sample.convert("RGB"), converted) <= 1:
        return mode, None
    if mode == "L":  # the sample has all values there are
        table = converted.getchannel("G").tobytes()
        return mode, lambda image: image.point(table)
    return mode, lambda image: _apply(image, transform)


def _transform(profile: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    if mode == "L":  # for grey, littleCMS would interpolate between 33 values, off by 10 in the shadows
        flags |= ImageCms.Flags.NOOPTIMIZE
    return ImageCms.buildTransform(profile, _SRGB, mode, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC, flags)


def _apply(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # None only where it changes the image in place
    return converted


def _sample(mode: str) -> Image.Image:
    """Return an image with colours from all over the space of `mode`; of grey, with all 256."""
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    colours: NDArray[np.uint8] = np.stack(np.meshgrid(*[steps] * len(mode)), axis=-1)
    return Image.frombytes(mode, (colours.size // len(mode), 1), colours.tobytes())


def _difference(one: Image.Image, other: Image.Image) -> int:
    return int(np.abs(np.asarray(one, dtype=np.int16) - np.asarray(other, dtype=np.int16)).max())
