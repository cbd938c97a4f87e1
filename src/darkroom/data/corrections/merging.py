"""Corrections: reviewed images that join the training images, and what keeps test images out.

A correction is a file `<folder>/<class>/<sha256>.<format>`. It is brought to the model's input by the
service's own code. One that equals or closely resembles a test or validation image is refused: it would
be learnt by heart, and the test would then measure memory.

A copy seldom comes back as it was. So a correction is compared in several looks, which undo what is usually
done to an image: enlarged in one way or another, framed, turned a little; and with the inner parts of the
held-out images, for copies that were cropped. `python -m benchmarks.leaks` measures what that finds.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from darkroom.data.duplicates import near_duplicates
from darkroom.data.splits import Split
from darkroom.images.decoding import decode
from darkroom.images.formats import ImageError
from darkroom.images.resizing import to_model_input

HELD_OUT = ("test", "validation")
FILTERS = tuple(Image.Resampling[name] for name in ("NEAREST", "BOX", "BILINEAR", "LANCZOS"))
CUTS = (0.04, 0.08, 0.12)  # of the image, on each side
TURNS = (-10, -5, 5, 10)  # degrees
LARGE = 8  # times the model's size: images are turned at this size at least
# A wrong refusal costs an image, a leak the test. So a correction that is twice as far from a held-out
# image as the report on duplicates allows still counts as a copy.
LEEWAY = 2.0
TAKEN, RELABELS, REFUSED = "taken", "relabels", "refused"
COLUMNS = ("sha256", "class", "outcome", "reason", "split", "index", "similarity")


class CorrectionError(ValueError):
    """The folder of corrections cannot be used; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Correction:
    """An image with its class.

    Attributes:
        sha256: of the file.
        label: the class's number.
        pixels: as the model sees it, uint8 [H,W,C]; None where it cannot be read.
        looks: what it may have been made of, uint8 [L,H,W,C], itself the first; None as `pixels`.
        broken: why it cannot be read, else empty.
    """

    sha256: str
    label: int
    pixels: NDArray[np.uint8] | None = None
    looks: NDArray[np.uint8] | None = None
    broken: str = ""


@dataclass(frozen=True, kw_only=True)
class TakenIn:
    """The training images with the corrections.

    Attributes:
        train: the split; what was taken in comes last.
        files: the SHA-256 of the correction behind each training image, "" for all others [N].
        outcomes: a row a correction, with the columns `COLUMNS`.
        summary: counts, and one hash of all that went in, for reports; empty without any correction.
    """

    train: Split
    files: NDArray[np.str_]
    outcomes: pd.DataFrame
    summary: Mapping[str, Any]


def read_corrections(
    folder: Path, classes: Sequence[str], *, height: int, width: int, channels: int
) -> list[Correction]:
    """Return the corrections in a folder, in the order of their SHA-256; none where it is not there.

    Hidden files and folders are passed over.

    Raises:
        CorrectionError: a file lies elsewhere than in a class's folder, or the same file in two.
    """
    if not folder.is_dir():
        return []
    found: dict[str, Correction] = {}
    wrong = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        place = path.relative_to(folder)
        if any(part.startswith(".") for part in place.parts):
            continue
        name = unquote(place.parts[0]) if len(place.parts) == 2 else ""
        if name not in classes:
            wrong.append(f"{place}: {f'{name!a} is no class' if name else 'it lies in no class’s folder'}")
            continue
        data = path.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        label = list(classes).index(name)
        if sha256 in found:
            wrong.append(f"{place}: the same file is in {classes[found[sha256].label]} too")
            continue
        one = Correction(sha256=sha256, label=label)
        try:
            image = decode(data)
            pixels = to_model_input(image, height=height, width=width, channels=channels)
            found[sha256] = replace(one, pixels=pixels, looks=_looks(image, pixels))
        except ImageError as error:
            found[sha256] = replace(one, broken=error.message)
    if wrong:
        raise CorrectionError(
            f"{folder} holds what cannot be a correction; there are the classes {', '.join(classes)}. "
            "Move or remove:\n  " + "\n  ".join(wrong)
        )
    return [found[sha256] for sha256 in sorted(found)]


def take_in(
    corrections: Sequence[Correction],
    splits: Mapping[str, Split],
    classes: Sequence[str],
    *,
    similarity: float,
    mirror: bool,
) -> TakenIn:
    """Join corrections to the training images; what may not be learnt is refused, with the reason.

    In this order: what cannot be read; what has the same pixels as another correction (all of them where
    their classes differ, else all but the first); what equals or closely resembles an image in `test` or
    `validation`. An image that is among the training images already gives it its class.

    Args:
        corrections: in the order in which they are to be taken in.
        splits: `train`, `validation` and `test`; images uint8 [N,H,W,C] of one size.
        classes: the names.
        similarity: from which on an image resembles another, as `duplicates.near_duplicates` has it.
        mirror: whether mirrored images count.
    """
    refused = _refused(corrections, splits, classes, similarity=similarity, mirror=mirror)
    train = splits["train"]
    place = _places(train.images) if corrections else {}
    labels, files = train.labels.copy(), np.full(len(train), "", dtype="U64")
    added: list[Correction] = []
    rows = []
    for one in corrections:
        row: dict[str, Any] = {"sha256": one.sha256, "class": classes[one.label]}
        known = None if one.pixels is None else place.get(_digest(one.pixels))
        if one.sha256 in refused:
            row |= {"outcome": REFUSED, **refused[one.sha256]}
        elif known is None:
            row |= {"outcome": TAKEN, "split": "train", "index": len(train) + len(added)}
            added.append(one)
        elif train.labels[known] == one.label:
            reason = "a training image already, of this class"
            row |= {"outcome": REFUSED, "reason": reason, "split": "train", "index": known, "similarity": 1.0}
        else:
            reason = f"a training image already, which was {classes[train.labels[known]]}"
            row |= {
                "outcome": RELABELS,
                "reason": reason,
                "split": "train",
                "index": known,
                "similarity": 1.0,
            }
            labels[known], files[known] = one.label, one.sha256
        rows.append(row)
    if added:
        images = np.concatenate(
            [train.images, np.stack([one.pixels for one in added if one.pixels is not None])]
        )
        labels = np.concatenate([labels, np.array([one.label for one in added], dtype=labels.dtype)])
        files = np.concatenate([files, np.array([one.sha256 for one in added], dtype=files.dtype)])
    else:
        images = train.images
    outcomes = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"index": "Int64"})
    return TakenIn(train=Split(images, labels), files=files, outcomes=outcomes, summary=_summary(outcomes))


def _refused(
    corrections: Sequence[Correction],
    splits: Mapping[str, Split],
    classes: Sequence[str],
    *,
    similarity: float,
    mirror: bool,
) -> dict[str, dict[str, Any]]:
    """Return why corrections are refused, by their SHA-256: columns of `outcomes`."""
    refused: dict[str, dict[str, Any]] = {}
    same: dict[bytes, list[Correction]] = {}
    for one in corrections:
        if one.pixels is None:
            refused[one.sha256] = {"reason": f"cannot be read: {one.broken}"}
        else:
            same.setdefault(one.pixels.tobytes(), []).append(one)
    for group in same.values():
        agreed = len({one.label for one in group}) == 1
        for one in group[1:] if agreed else group:
            other = next(twin for twin in group if twin is not one)
            reason = f"the same image as correction {other.sha256[:12]}, of {classes[other.label]}"
            refused[one.sha256] = {"reason": reason}
    readable = [one for one in corrections if one.pixels is not None and one.looks is not None]
    if not readable:
        return refused
    for name in HELD_OUT:
        images = np.asarray(splits[name].images)
        copies = _copies(readable, images, similarity=similarity, mirror=mirror)
        for sha256, (place, value) in copies.items():
            reason = f"resembles a {name} image"
            if value > refused.get(sha256, {}).get("similarity", -1):
                refused[sha256] = {"reason": reason, "split": name, "index": place, "similarity": value}
        places = _places(images)
        for correction in readable:  # to the bit, whatever `similarity` is
            known = None if correction.pixels is None else places.get(_digest(correction.pixels))
            if known is not None:
                told = {"reason": f"is a {name} image", "split": name, "index": known, "similarity": 1.0}
                refused[correction.sha256] = told
    return refused


def _copies(
    corrections: Sequence[Correction], held: NDArray[np.uint8], *, similarity: float, mirror: bool
) -> dict[str, tuple[int, float]]:
    """Return, by the SHA-256 of corrections that resemble one of `held`, its place and the similarity."""
    looks = [one.looks for one in corrections if one.looks is not None]
    owner = np.repeat(np.arange(len(looks)), [len(each) for each in looks])
    parts = {"whole": held} | {str(cut): np.stack([_cut(image, cut) for image in held]) for cut in CUTS}
    limit = 1 - LEEWAY * (1 - similarity)
    # the most similar first: of a correction's looks the first one counts
    found = near_duplicates(np.concatenate(looks), parts, similarity=limit, mirror=mirror)
    copies: dict[str, tuple[int, float]] = {}
    for look, place, value in zip(found["test_index"], found["index"], found["similarity"], strict=True):
        copies.setdefault(corrections[owner[look]].sha256, (int(place), float(value)))
    return copies


def _looks(image: Image.Image, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what an image may have been made of, uint8 [L,H,W,C]; `pixels` is how the model sees it."""
    height, width, channels = pixels.shape
    image = image.convert("L" if channels == 1 else "RGB")
    looks = [pixels]
    looks += [np.asarray(image.resize((width, height), how)).reshape(pixels.shape) for how in FILTERS]
    size = (max(image.width, LARGE * width), max(image.height, LARGE * height))
    large = image.resize((min(size[0], 4 * LARGE * width), min(size[1], 4 * LARGE * height)))
    looks += [_inner(large, cut, pixels.shape) for cut in CUTS]
    turned = (large.rotate(degrees, Image.Resampling.BICUBIC) for degrees in TURNS)
    looks += [_inner(each, CUTS[-1], pixels.shape) for each in turned]  # the corners are lost
    return np.stack(looks)


def _cut(pixels: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """Return the inner part of an image [H,W,C], enlarged to its size."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    return _inner(image, share, pixels.shape)


def _inner(image: Image.Image, share: float, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return an image less a share on each side as uint8 of `shape` [H,W,C]."""
    across, down = share * image.width, share * image.height
    box = (across, down, image.width - across, image.height - down)
    return np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BICUBIC, box=box)).reshape(shape)


def _digest(image: NDArray[np.uint8]) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(image).tobytes()).digest()


def _places(images: NDArray[np.uint8]) -> dict[bytes, int]:
    """Return the place of each image by its digest; of equal ones the first."""
    places: dict[bytes, int] = {}
    for number, image in enumerate(images):
        places.setdefault(_digest(image), number)
    return places


def _summary(outcomes: pd.DataFrame) -> dict[str, Any]:
    if outcomes.empty:
        return {}
    counts = outcomes["outcome"].value_counts()
    used = outcomes[outcomes["outcome"] != REFUSED]
    content = "".join(
        f"{sha256} {name}\n" for sha256, name in zip(used["sha256"], used["class"], strict=True)
    )
    return {
        "found": len(outcomes),
        **{outcome: int(counts.get(outcome, 0)) for outcome in (TAKEN, RELABELS, REFUSED)},
        "sha256": hashlib.sha256(content.encode()).hexdigest() if len(used) else None,
    }
