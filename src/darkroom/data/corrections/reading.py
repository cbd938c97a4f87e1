"""Reading a folder of corrections: `<folder>/<class>/<sha256>.<format>`, one image a file.

Of several labels all images are in `<folder>/label-sets`, each with the JSON list of its labels beside it.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from darkroom.data.corrections.copies import LARGE, variants
from darkroom.data.label_sets import LabelSet, label_array, set_of_row
from darkroom.images.decoding import load_for_model
from darkroom.images.formats import ImageError, open_image
from darkroom.images.resizing import Fit, to_model_input
from darkroom.text import SETS_FOLDER


class CorrectionError(ValueError):
    """The folder of corrections cannot be used; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Correction:
    """An image with its class.

    Attributes:
        sha256: of the file.
        label: the number of the class; of several labels int8 [L], 1 for those it has and 0 for the others.
        pixels: the model's input, uint8 [H,W,C]; None where the file cannot be decoded.
        variants: images that it may be an altered copy of, uint8 [V,H,W,C], the first is `pixels`; None where
            the file cannot be decoded.
        error: why the file cannot be decoded, else empty.
    """

    sha256: str
    label: int | NDArray[np.int8]
    pixels: NDArray[np.uint8] | None = None
    variants: NDArray[np.uint8] | None = None
    error: str = ""


def read_corrections(
    folder: Path,
    classes: Sequence[str],
    *,
    height: int,
    width: int,
    channels: int,
    fit: Fit = "crop",
    several: bool = False,
) -> list[Correction]:
    """Return the corrections in a folder, sorted by their SHA-256; an empty list where there is no folder.

    Hidden files and folders are ignored. Images are decoded and resized by the code of the service, so that
    training sees the pixels that a request with the same file would be classified by.

    Args:
        folder: with a folder for each class, named as `text.class_folder` names it; of several labels with
            the folder `text.SETS_FOLDER`.
        classes: the names of the classes.
        height: of the model's input, in pixels.
        width: of the model's input, in pixels.
        channels: of the model's input, 1 or 3.
        fit: as in `to_model_input`.
        several: whether images have several labels.

    Raises:
        CorrectionError: a file is not in the folder of a class, or the same file is in two; of several
            labels, an image has no labels beside it, or they are not a JSON list of labels.
    """
    found: dict[str, Correction] = {}
    errors = []
    for path in _visible_files(folder):
        if several and path.suffix == ".json":
            continue
        place = path.relative_to(folder)
        label, problem = (_set_beside if several else _class_of)(path, place, classes)
        if label is None:
            errors.append(f"{place}: {problem}")
            continue
        content = path.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        if sha256 in found:
            errors.append(f"{place}: the same file is also in {name_of(found[sha256].label, classes)}")
            continue
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


def name_of(label: int | NDArray[np.int8], classes: Sequence[str]) -> str:
    """Return the name of a class, or of several labels the JSON list of those that a row says yes to.

    >>> name_of(1, ["a", "b"]), name_of(np.array([1, 0, 1], dtype=np.int8), ["a", "b", "c"])
    ('b', '["a", "c"]')
    """
    return set_of_row(label, classes).text if isinstance(label, np.ndarray) else classes[label]


def _class_of(path: Path, place: Path, classes: Sequence[str]) -> tuple[int | None, str]:
    """Return the number of the class in whose folder an image is, or None and what is wrong."""
    name = unquote(place.parts[0]) if len(place.parts) == 2 else ""
    if name in classes:
        return list(classes).index(name), ""
    return None, f"{name!a} is not a class" if name else "not in the folder of a class"


def _set_beside(path: Path, place: Path, classes: Sequence[str]) -> tuple[NDArray[np.int8] | None, str]:
    """Return the labels of an image from the file beside it, or None and what is wrong."""
    if place.parts[:-1] != (SETS_FOLDER,):
        return None, f"images here have several labels, which are read from {SETS_FOLDER}/"
    beside = path.with_name(f"{path.name.split('.')[0]}.json")
    try:
        names = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None, f"{beside.name} beside it, with its labels, is missing or damaged"
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None, f"{beside.name} is not a list of labels"
    if unknown := sorted(set(names) - set(classes)):
        return None, f"{unknown[0]!a} is not a label"
    return label_array([LabelSet(frozenset(names))], classes)[0], ""


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
