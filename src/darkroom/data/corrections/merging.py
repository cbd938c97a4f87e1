"""The decision on each correction: add it to the training images, relabel one of them, or refuse it.

A correction that equals or closely resembles a test or validation image is refused: the model would memorise
it, and the test would then measure memory.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.data.corrections.copies import find_copies
from darkroom.data.corrections.reading import Correction, name_of
from darkroom.data.splits import Split

HELD_OUT = ("test", "validation")
TAKEN, RELABELS, REFUSED = "taken", "relabels", "refused"
COLUMNS = ("sha256", "class", "outcome", "reason", "split", "index", "similarity")


@dataclass(frozen=True, kw_only=True)
class MergedCorrections:
    """The training images with the corrections.

    Attributes:
        train: the split; the images that were added come last.
        files: the SHA-256 of the correction behind each training image, "" for all others [N].
        outcomes: one row per correction, with the columns `COLUMNS`.
        summary: counts, and one hash of all corrections that were used, for reports; empty where there are
            no corrections.
    """

    train: Split
    files: NDArray[np.str_]
    outcomes: pd.DataFrame
    summary: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Outcome:
    """What becomes of a correction, and the image it equals or resembles; None leaves its column empty."""

    outcome: str
    reason: str | None = None
    split: str | None = None
    index: int | None = None
    similarity: float | None = None


def merge_corrections(
    corrections: Sequence[Correction],
    splits: Mapping[str, Split],
    classes: Sequence[str],
    *,
    similarity: float,
    mirror: bool,
) -> MergedCorrections:
    """Merge corrections into the training images; those that may not be trained on are refused with a reason.

    Refused are, in this order: what cannot be decoded; what has the same pixels as another correction (all
    of them where their classes differ, else all but the first); what equals or closely resembles an image in
    `test` or `validation`. A correction that equals a training image gives that image its class.

    Args:
        corrections: in the order in which they are to be added.
        splits: `train`, `validation` and `test`; images uint8 [N,H,W,C] of one size.
        classes: the names of the classes.
        similarity: from which on two images count as duplicates, see `duplicates.near_duplicates`.
        mirror: whether mirrored copies count.
    """
    train = splits["train"]
    refusals = _refusals(corrections, splits, classes, similarity=similarity, mirror=mirror)
    places = _places(train.images) if corrections else {}
    labels, files = train.labels.copy(), np.full(len(train), "", dtype="U64")
    added: list[Correction] = []
    rows = []
    for one in corrections:
        outcome = refusals.get(one.sha256)
        if outcome is None and (known := _place_of(one, places)) is not None:
            outcome = _in_training(one, known, _label_at(train, known), classes)
            if outcome.outcome == RELABELS:
                labels[known], files[known] = one.label, one.sha256
        elif outcome is None:
            outcome = _Outcome(outcome=TAKEN, split="train", index=len(train) + len(added))
            added.append(one)
        filled = {name: value for name, value in vars(outcome).items() if value is not None}
        rows.append({"sha256": one.sha256, "class": name_of(one.label, classes), **filled})
    outcomes = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"index": "Int64"})
    merged, files = _append(Split(train.images, labels), files, added)
    return MergedCorrections(train=merged, files=files, outcomes=outcomes, summary=_summary(outcomes))


def _append(
    train: Split, files: NDArray[np.str_], added: Sequence[Correction]
) -> tuple[Split, NDArray[np.str_]]:
    """Return the training images and the files behind them with corrections at the end."""
    if not added:
        return train, files
    new = np.stack([one.pixels for one in added if one.pixels is not None])
    labels = np.array([one.label for one in added], dtype=train.labels.dtype)
    names = np.array([one.sha256 for one in added], dtype=files.dtype)
    split = Split(np.concatenate([train.images, new]), np.concatenate([train.labels, labels]))
    return split, np.concatenate([files, names])


def _label_at(split: Split, place: int) -> int | NDArray[np.int8]:
    """Return the class of an image; of several labels its row, int8 [L]."""
    return split.labels[place] if split.several else int(split.labels[place])


def _in_training(
    one: Correction, place: int, label: int | NDArray[np.int8], classes: Sequence[str]
) -> _Outcome:
    """Return what becomes of a correction that equals the training image at `place`, of class `label`.

    A training image with labels that nobody knew is given all that the correction says.
    """
    same = np.array_equal(label, one.label)
    of_this = "with these labels" if isinstance(label, np.ndarray) else "of this class"
    was = f"which was {name_of(label, classes)}"
    reason = "a training image already, " + (of_this if same else was)
    return _Outcome(
        outcome=REFUSED if same else RELABELS, reason=reason, split="train", index=place, similarity=1.0
    )


def _refusals(
    corrections: Sequence[Correction],
    splits: Mapping[str, Split],
    classes: Sequence[str],
    *,
    similarity: float,
    mirror: bool,
) -> dict[str, _Outcome]:
    """Return the corrections that are refused, by their SHA-256."""
    refusals = _not_decoded(corrections) | _repeated(corrections, classes)
    readable = [one for one in corrections if one.pixels is not None]
    for name in HELD_OUT if readable else ():
        images = np.asarray(splits[name].images)
        for sha256, copy in _copies(readable, name, images, similarity=similarity, mirror=mirror).items():
            # of the images in both parts that it resembles, the most similar one is reported
            if sha256 not in refusals or _similarity(copy) > _similarity(refusals[sha256]):
                refusals[sha256] = copy
        refusals |= _identical(readable, name, images)
    return refusals


def _similarity(outcome: _Outcome) -> float:
    return -1 if outcome.similarity is None else outcome.similarity


def _not_decoded(corrections: Sequence[Correction]) -> dict[str, _Outcome]:
    return {
        one.sha256: _Outcome(outcome=REFUSED, reason=f"cannot be read: {one.error}")
        for one in corrections
        if one.pixels is None
    }


def _repeated(corrections: Sequence[Correction], classes: Sequence[str]) -> dict[str, _Outcome]:
    """Refuse all but the first of equal images, and the first too where their classes differ."""
    equal: dict[bytes, list[Correction]] = {}
    for one in corrections:
        if one.pixels is not None:
            equal.setdefault(one.pixels.tobytes(), []).append(one)
    refusals = {}
    for group in equal.values():
        agree = len({name_of(one.label, classes) for one in group}) == 1
        for one in group[1:] if agree else group:
            other = next(each for each in group if each is not one)
            reason = f"the same image as correction {other.sha256[:12]}, of {name_of(other.label, classes)}"
            refusals[one.sha256] = _Outcome(outcome=REFUSED, reason=reason)
    return refusals


def _copies(
    corrections: Sequence[Correction],
    name: str,
    images: NDArray[np.uint8],
    *,
    similarity: float,
    mirror: bool,
) -> dict[str, _Outcome]:
    """Refuse what resembles one of the images of the split `name`."""
    variants = [one.variants for one in corrections if one.variants is not None]
    copies = find_copies(variants, images, similarity=similarity, mirror=mirror)
    return {
        corrections[number].sha256: _Outcome(
            outcome=REFUSED, reason=f"resembles a {name} image", split=name, index=place, similarity=value
        )
        for number, (place, value) in copies.items()
    }


def _identical(
    corrections: Sequence[Correction], name: str, images: NDArray[np.uint8]
) -> dict[str, _Outcome]:
    """Refuse what equals an image of the split `name` to the bit, whatever the similarity."""
    places = _places(images)
    return {
        one.sha256: _Outcome(
            outcome=REFUSED, reason=f"is a {name} image", split=name, index=place, similarity=1.0
        )
        for one in corrections
        if (place := _place_of(one, places)) is not None
    }


def _digest(image: NDArray[np.uint8]) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(image).tobytes()).digest()


def _places(images: NDArray[np.uint8]) -> dict[bytes, int]:
    """Return the place of each image by its digest; of equal images the first."""
    places: dict[bytes, int] = {}
    for number, image in enumerate(images):
        places.setdefault(_digest(image), number)
    return places


def _place_of(one: Correction, places: Mapping[bytes, int]) -> int | None:
    return None if one.pixels is None else places.get(_digest(one.pixels))


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
