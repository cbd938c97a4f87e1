"""A folder for each class, with or without folders for the splits above them or inside them."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from darkroom.config.data import Data
from darkroom.data.labels.base import (
    SPLITS,
    Labelled,
    LabelledImage,
    UnrecognisedError,
    is_hidden,
    looks_like_an_image,
)
from darkroom.data.storage import Storage, StoredFile

UNLABELLED = "no_label"  # of CVAT, for images without a tag, in its ImageNet layout


def read(storage: Storage, files: Sequence[StoredFile], settings: Data) -> Labelled:
    """Read the class of each image from the folder it lies in.

    The classes are the folders at the top, below those that have only one folder in them and below (or above)
    folders named train, val or test. What lies deeper belongs to the class above it. Names that differ only
    in Unicode form or blanks are one class. Names that differ only in case are one class too, unless both are
    folders of the same split: then they may be different letters.

    Raises UnrecognisedError where no image is in a folder.
    """
    if not any("/" in file.path for file in files if _is_candidate(file)):
        raise UnrecognisedError("")
    left_out: list[tuple[StoredFile, str]] = []
    candidates: list[tuple[StoredFile, list[str]]] = []
    for file in files:
        if is_hidden(file.path):
            left_out.append((file, "hidden"))
        elif not looks_like_an_image(file.path) and not file.problem:
            left_out.append((file, "its name does not end as that of an image"))
        else:
            candidates.append((file, file.path.split("/")[:-1]))
    depth = _common_depth([folders for _, folders in candidates])
    places = [(file, folders[depth:]) for file, folders in candidates]
    above = {folders[0] for _, folders in places if folders}
    inside = {folders[1] for _, folders in places if len(folders) > 1}
    has_splits = bool(above) and (all(map(_split, above)) or sum(map(bool, map(_split, above))) >= 2)
    splits_inside = not has_splits and bool(inside) and all(map(_split, inside))
    images = []
    for file, folders in places:
        split = ""
        if has_splits and folders and _split(folders[0]):
            split, folders = _split(folders[0]), folders[1:]
        elif splits_inside and len(folders) > 1:
            split, folders = _split(folders[1]), folders[:1]
        elif has_splits:
            left_out.append((file, "beside the folders of the splits, not in one of them"))
            continue
        if folders and folders[0].lower() == UNLABELLED:
            left_out.append((file, "its folder says that it has no label"))
        elif folders:
            images.append(LabelledImage(file, folders[0], split))
        else:
            left_out.append((file, "not in the folder of a class"))
    names, notes = one_name_each([(image.label, image.split) for image in images])
    images = [replace(image, label=names[image.label, image.split]) for image in images]
    return Labelled(images, left_out, [*notes, *classes_of_some_splits(images)])


def one_name_each(
    labels: Iterable[tuple[str, str]],
) -> tuple[dict[tuple[str, str], str], list[str]]:
    """Return the class of each label and split, and sentences about names that were made one.

    >>> one_name_each([("Cat", "train"), ("cat ", "test"), ("dog", "train")])[1]
    ["The names 'Cat', 'cat ' are one class: 'Cat'."]
    """
    counts = Counter(labels)
    alike: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for label, split in counts:
        alike[_tidy(label).casefold()].append((label, split))
    names: dict[tuple[str, str], str] = {}
    notes = []
    for spellings in alike.values():
        tidy = Counter({(_tidy(label), split): 0 for label, split in spellings})
        for key in spellings:
            tidy[_tidy(key[0]), key[1]] += counts[key]
        in_one_split = Counter(split for _, split in tidy)
        if max(in_one_split.values()) > 1:
            names |= {key: _tidy(key[0]) for key in spellings}
            different = sorted({label for label, _ in tidy})
            notes.append(
                f"The classes {', '.join(map(repr, different))} differ only in case and are kept apart, "
                "because both are in one split."
            )
        else:
            usual = max(sorted(tidy), key=lambda key: tidy[key])[0]
            names |= dict.fromkeys(spellings, usual)
        written = sorted({label for label, _ in spellings})
        if len({names[key] for key in spellings}) == 1 and len(written) > 1:
            kept = names[spellings[0]]
            notes.append(f"The names {', '.join(map(repr, written))} are one class: {kept!r}.")
    return names, notes


def classes_of_some_splits(images: Sequence[LabelledImage]) -> list[str]:
    """Return a sentence for each split that lacks classes which another has."""
    by_split: dict[str, set[str]] = defaultdict(set)
    for image in images:
        by_split[image.split].add(image.label)
    classes = set().union(*by_split.values()) if by_split else set()
    return [
        f"The given {split} images have none of {', '.join(sorted(classes - those))}."
        for split, those in sorted(by_split.items())
        if split and classes - those
    ]


def _tidy(name: str) -> str:
    """Return a name in one Unicode form, without blanks at its ends or several in a row."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def _split(folder: str) -> str:
    """Return the split that a folder's name stands for; empty if none."""
    return SPLITS.get(folder.strip().lower(), "")


def _common_depth(places: Sequence[Sequence[str]]) -> int:
    """Return how many folders lie above those of classes: the ones with no image and one folder."""
    depth = 0
    while True:
        here = [folders for folders in places if len(folders) > depth]
        names = {folders[depth] for folders in here}
        direct = any(len(folders) == depth + 1 for folders in here)
        if len(names) != 1 or direct or any(map(_split, names)):
            return depth
        depth += 1


def _is_candidate(file: StoredFile) -> bool:
    return not is_hidden(file.path) and looks_like_an_image(file.path)
