"""Labels in files beside the images: tables, and what labelling tools export."""

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from darkroom.config.data import Data
from darkroom.data.annotations import PARSERS, AnnotationError, Document, may_have_labels, parser_of
from darkroom.data.annotations.base import split_in_name
from darkroom.data.label_sets import LabelSet, merged
from darkroom.data.labels import folders
from darkroom.data.labels.base import (
    Labelled,
    LabelledImage,
    UnrecognisedError,
    is_hidden,
    looks_like_an_image,
)
from darkroom.data.labels.found import Found, Tables, notes_of, notes_of_sets, reason_of
from darkroom.data.labels.references import References
from darkroom.data.labels.split_lists import split_lists
from darkroom.data.storage import SourceError, Storage, StoredFile

ALIKE = 20  # files of one suffix in one folder, of which the first tells whether the others have labels
SEVERAL = 0.1  # of the images that have labels: so many with two or more are no mistakes
PRECEDENCE = ("test", "validation", "train", "")  # an image in two splits tests, and teaches nothing


def read(storage: Storage, files: Sequence[StoredFile], settings: Data) -> Labelled:
    """Read the labels of images from the files that name them.

    An image that several rows name with different labels is left out, as one is that has several labels, or
    none; so is an image that no row names. A row whose image is not there is counted too. Where
    `settings.labels` is several, the rows of an image are merged as `label_sets.merged` does, and one that
    has no label is used.

    Raises UnrecognisedError where no file has labels for images, or the folders tell more, and SourceError
    where a file that the parameters or the source name cannot be used.
    """
    tables, named = _tables(storage, files, settings)
    if named and (settings.split or settings.group) and not tables.count(1) + tables.count(2):
        return _splits_of_folders(tables, folders.read(storage, files, settings))
    lists = split_lists(storage, files)
    return _labelled(tables, files, lists, several=settings.labels == "several")


def kind_of_labels(storage: Storage, files: Sequence[StoredFile], settings: Data) -> str:
    """Return whether the files that hold labels give one to an image, or several; empty where none is used.

    Raises SourceError as `read` does.
    """
    try:
        _tables(storage, files, settings.model_copy(update={"labels": "one"}))
    except UnrecognisedError:  # the folders tell more, or the answers are not yes and no alone
        if not settings.table and not storage.table:
            return ""
    except SourceError:
        pass
    try:
        tables, _ = _tables(storage, files, settings.model_copy(update={"labels": "several"}))
    except (UnrecognisedError, SourceError):
        return ""
    sets = [merged(found.sets) for found in tables.found.values()]
    many = sum(len(one.names) > 1 for one in sets)
    return "several" if many >= SEVERAL * sum(bool(one.names) for one in sets) > 0 else "one"


def _tables(storage: Storage, files: Sequence[StoredFile], settings: Data) -> tuple[Tables, bool]:
    """Return what the files with labels say, and whether the parameters or the source name the file.

    Raises as `read` does.
    """
    named = _named(storage, files, settings)
    references = References(files, storage.place)
    candidates = [named] if named else _candidates(files)
    by_kind, problems = _read_all(storage, candidates, settings, references, named=named is not None)
    if named and problems:
        raise SourceError("\n".join(problems))
    several = settings.labels == "several"
    tables = max(
        by_kind.values(), key=lambda one: one.count(1) + (one.count(2) if several else 0), default=None
    )
    if tables is None or (not named and not tables.found):
        raise UnrecognisedError("\n".join(problems))
    if not (named and (settings.split or settings.group) and not tables.count(1) + tables.count(2)):
        _check_agreement(tables, several=several)
        if not named:
            _check_against_folders(tables, storage, files, settings)
    return tables, named is not None


def _named(storage: Storage, files: Sequence[StoredFile], settings: Data) -> StoredFile | None:
    """Return the file that data.table names, or that is the source."""
    if not settings.table:
        return next((file for file in files if file.path == storage.table), None)
    for file in files:
        if file.path == posixpath.normpath(settings.table) or (storage.table and file.path == storage.table):
            return file
    others = ", ".join([file.path for file in _candidates(files)][:5])
    raise SourceError(
        f"data.table is {settings.table!r}: {storage.place} has no such file"
        f"{', but ' + others if others else ''}"
    )


def _candidates(files: Iterable[StoredFile]) -> list[StoredFile]:
    return [file for file in files if may_have_labels(file.path, file.size) and not file.problem]


def _read_all(
    storage: Storage, files: Sequence[StoredFile], settings: Data, references: References, *, named: bool
) -> tuple[dict[str, Tables], list[str]]:
    """Return what the files say by their kind, and what is wrong with those that say nothing."""
    alike: dict[tuple[str, str], list[StoredFile]] = defaultdict(list)
    for file in files:
        folder, name = posixpath.split(file.path)
        alike[folder, posixpath.splitext(name)[1].lower()].append(file)
    by_kind: dict[str, Tables] = {}
    problems: list[str] = []
    for group in alike.values():
        for number, file in enumerate(group):
            try:
                document = Document(file.path, storage.read(file.path), references.names)
                kind = parser_of(document)
                if kind:
                    _add(by_kind.setdefault(kind, Tables(kind)), document, settings, references)
                elif number == 0 and len(group) > ALIKE:
                    break
                elif named:
                    problems.append(f"{file.path}: it is of no kind that is known: {', '.join(PARSERS)}")
            except (AnnotationError, OSError) as error:
                problems.append(f"{file.path}: {error}")
    return by_kind, problems


def _add(tables: Tables, document: Document, settings: Data, references: References) -> None:
    rows = list(PARSERS[tables.kind].read(document, settings))
    split = split_in_name(document.path)
    if split:
        rows = [row if row.split else replace(row, split=split) for row in rows]
    places = references.find(rows, posixpath.dirname(document.path))
    tables.paths.append(document.path)
    if document.suffix in (".csv", ".tsv", ".txt") and not document.encoding.startswith("utf"):
        tables.notes.append(f"{document.path} is not UTF-8: it was read as {document.encoding}.")
    for row, place in zip(rows, places, strict=True):
        if isinstance(place, str):
            name = row.image or "(no name)"
            reason = f"named in {document.path}, but {place}"
            tables.missing.setdefault(name, (StoredFile(name, 0, ""), reason))
            continue
        found = tables.found[place.path]
        found.sets.add(LabelSet(frozenset(row.labels), frozenset(row.unknown)))
        found.labels.setdefault(tuple(sorted(row.labels)), document.path)
        found.splits.add(row.split)
        found.rows += 1
        if row.group:
            found.groups.add(row.group)


def _check_agreement(tables: Tables, *, several: bool) -> None:
    """Raise SourceError where files contradict each other about many images: one of them is meant."""
    disputed = sum(
        len(set(found.labels.values())) > 1 and not (several and all(len(one.yes) == 1 for one in found.sets))
        for found in tables.found.values()
    )
    if len(tables.paths) > 1 and 10 * disputed > len(tables.found):
        raise SourceError(
            f"{len(tables.paths)} files have labels and disagree about {disputed:,} "
            f"image{'s' * (disputed > 1)}: {', '.join(tables.paths[:5])}. Say which is right: set data.table "
            "to one of them"
        )


def _check_against_folders(
    tables: Tables, storage: Storage, files: Sequence[StoredFile], settings: Data
) -> None:
    """Raise UnrecognisedError where the folders tell more than a table that nobody named."""
    one, several = tables.count(1), tables.count(2)
    if settings.labels == "several":
        one, several = one + several, 0
    images = sum(looks_like_an_image(file.path) and not is_hidden(file.path) for file in files)
    too_few = tables.kind == "table" and one < images / 2
    if not (several > one or too_few):
        return
    try:
        classes = {image.label for image in folders.read(storage, files, settings).images}
    except UnrecognisedError:
        return
    if len([name for name in classes if not split_in_name(f"{name}.")]) < 2:
        return
    what = f"several labels to {several:,} images" if several > one else f"one label to {one:,} images only"
    raise UnrecognisedError(
        f"{', '.join(tables.paths[:3])} was not used, because it gives {what} of {images:,}."
    )


def _splits_of_folders(tables: Tables, labelled: Labelled) -> Labelled:
    """Return images that have their labels from folders with the splits and groups of a table."""
    images = []
    for image in labelled.images:
        found = tables.found.get(image.file.path, Found(splits={image.split}))
        split = min(found.splits, key=PRECEDENCE.index)
        images.append(replace(image, split=split, group=min(found.groups, default="")))
    given = sum(image.file.path in tables.found for image in images)
    note = (
        f"The labels are those of the folders; {tables.paths[0]} has splits and groups of {given:,} images."
    )
    return Labelled(images, labelled.left_out, [note, *tables.notes, *labelled.notes])


def _labelled(
    tables: Tables, files: Sequence[StoredFile], lists: dict[str, str], *, several: bool
) -> Labelled:
    """Return the images with one label each, or several, and the reasons of all other files."""
    images, left_out = [], list(tables.missing.values())
    where = tables.paths[0] if len(tables.paths) == 1 else f"any of {len(tables.paths):,} files with labels"
    for file in files:
        found = tables.found.get(file.path)
        if found is not None:
            reason = "" if several else reason_of(found)
            if reason:
                left_out.append((file, reason))
            else:
                split = min(found.splits, key=PRECEDENCE.index) or lists.get(file.path, "")
                group = min(found.groups, default="")
                if several:
                    images.append(of_set(LabelledImage(file, "", split, group), merged(found.sets)))
                else:
                    (label,) = next(names for names in found.labels if names)
                    images.append(LabelledImage(file, label, split, group))
        elif file.path in tables.paths:
            left_out.append((file, "it has the labels"))
        elif is_hidden(file.path):
            left_out.append((file, "hidden"))
        elif looks_like_an_image(file.path) or file.problem:
            left_out.append((file, f"not named in {where}"))
        else:
            left_out.append((file, "its name does not end as that of an image"))
    images, notes = _without_a_lone_split(images)
    if several:
        images, spellings = one_name_each_label(images)
        return Labelled(images, left_out, [*notes_of_sets(tables, where), *notes, *spellings], sets=True)
    names, spellings = folders.one_name_each([(image.label, image.split) for image in images])
    if any(label != name for (label, _), name in names.items()):
        images = [replace(image, label=names[image.label, image.split]) for image in images]
    parts = folders.classes_of_some_splits(images)
    return Labelled(images, left_out, [*notes_of(tables, where), *notes, *spellings, *parts])


def of_set(image: LabelledImage, labels: LabelSet) -> LabelledImage:
    """Return an image with other labels."""
    return replace(image, label=labels.text, unknown=labels.unknown_text)


def one_name_each_label(images: Sequence[LabelledImage]) -> tuple[list[LabelledImage], list[str]]:
    """Return images of several labels with one spelling of each, and sentences about what was made one."""
    sets = [image.labels for image in images]
    pairs = [
        (name, image.split) for image, one in zip(images, sets, strict=True) for name in sorted(one.names)
    ]
    names, notes = folders.one_name_each(pairs)
    renamed = []
    for image, one in zip(images, sets, strict=True):
        yes, unknown = (
            frozenset(names[name, image.split] for name in part) for part in (one.yes, one.unknown)
        )
        renamed.append(of_set(image, LabelSet(yes, unknown - yes)))
    return renamed, notes


def _without_a_lone_split(images: list[LabelledImage]) -> tuple[list[LabelledImage], list[str]]:
    splits = {image.split for image in images}
    if len(splits) == 1 and splits <= {"validation", "test"}:
        note = f"All images are given as {splits.pop()}: the splits were drawn instead."
        return [replace(image, split="") for image in images], [note]
    return images, []
