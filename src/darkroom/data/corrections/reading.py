"""Reading a folder of corrections: `<folder>/<class>/<sha256>.<format>`, one image a file."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from darkroom.data.corrections.copies import LARGE, variants
from darkroom.images.decoding import load_for_model
from darkroom.images.formats import ImageError, open_image
from darkroom.images.resizing import Fit, to_model_input


class CorrectionError(ValueError):
    """The folder of corrections cannot be used; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Correction:
    """An image with its class.

    Attributes:
        sha256: of the file.
        label: the number of the class.
        pixels: the model's input, uint8 [H,W,C]; None where the file cannot be decoded.
        variants: images that it may be an altered copy of, uint8 [V,H,W,C], the first is `pixels`; None where
            the file cannot be decoded.
        error: why the file cannot be decoded, else empty.
    """

    sha256: str
    label: int
    pixels: NDArray[np.uint8] | None = None
    variants: NDArray[np.uint8] | None = None
    error: str = ""


def read_corrections(
    folder: Path, classes: Sequence[str], *, height: int, width: int, channels: int, fit: Fit = "crop"
) -> list[Correction]:
    """Return the corrections in a folder, sorted by their SHA-256; an empty list where there is no folder.

    Hidden files and folders are ignored. Images are decoded and resized by the code of the service, so that
    training sees the pixels that a request with the same file would be classified by.

    Args:
        folder: with a folder for each class, named as `text.class_folder` names it.
        classes: the names of the classes.
        height: of the model's input, in pixels.
        width: of the model's input, in pixels.
        channels: of the model's input, 1 or 3.
        fit: as in `to_model_input`.

    Raises:
        CorrectionError: a file is not in the folder of a class, or the same file is in two.
    """
    found: dict[str, Correction] = {}
    errors = []
    for path in _visible_files(folder):
        place = path.relative_to(folder)
        name = unquote(place.parts[0]) if len(place.parts) == 2 else ""
        if name not in classes:
            problem = f"{name!a} is not a class" if name else "not in the folder of a class"
            errors.append(f"{place}: {problem}")
            continue
        content = path.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        if sha256 in found:
            errors.append(f"{place}: the same file is also in {classes[found[sha256].label]}")
            continue
        label = list(classes).index(name)
        try:
            image = load_for_model(open_image(content), height=height, width=width, fit=fit)
            pixels = to_model_input(image, height=height, width=width, channels=channels, fit=fit)
        except ImageError as error:
            found[sha256] = Correction(sha256=sha256, label=label, error=error.message)
        else:
            found[sha256] = Correction(
                sha256=sha256,
                label=label,
                pixels=pixels,
                variants=variants(_whole(image, pixels, fit), pixels),
            )
    if errors:
        raise CorrectionError(
            f"{folder} holds files that cannot be corrections. The classes are {', '.join(classes)}. "
            "Move or remove:\n  " + "\n  ".join(errors)
        )
    return [found[sha256] for sha256 in sorted(found)]


def _whole(image: Image.Image, pixels: NDArray[np.uint8], fit: Fit) -> Image.Image:
    """Return an image as the held-out ones are stored: with margins, where they have them."""
    if fit != "pad":
        return image
    height, width = (LARGE * side for side in pixels.shape[:2])
    padded = to_model_input(image.convert("RGB"), height=height, width=width, channels=3, fit=fit)
    return Image.fromarray(padded)


def _visible_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path
