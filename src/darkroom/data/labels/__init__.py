"""What the files of a source mean: which image has which label. One file a format, found in `FORMATS`.

A format looks at the names of all files (and reads the few that hold labels) and says for each image its
label, and its split and group where they are given.
"""

from collections import Counter
from collections.abc import Sequence

from darkroom.config.data import Data
from darkroom.data.label_sets import LabelSet
from darkroom.data.labels import annotated, folders, webdataset
from darkroom.data.labels.annotated import kind_of_labels
from darkroom.data.labels.base import Format, Labelled, LabelledImage, UnrecognisedError
from darkroom.data.storage import SourceError, Storage, StoredFile

__all__ = [
    "FORMATS",
    "Format",
    "LabelSet",
    "Labelled",
    "LabelledImage",
    "UnrecognisedError",
    "kind_of_labels",
    "read_labels",
]

# Each is asked in this order; the first that recognises the files reads them.
FORMATS: dict[str, Format] = {
    "webdataset": webdataset,
    "annotated": annotated,
    "folders": folders,
}


def read_labels(storage: Storage, files: Sequence[StoredFile], settings: Data) -> Labelled:
    """Read which image of `files` has which label, with the first format that recognises them.

    Raises SourceError where none does, and for fewer than two classes.
    """
    reasons: list[str] = []
    for one in FORMATS.values():
        try:
            labelled = one.read(storage, files, settings)
            break
        except UnrecognisedError as error:
            reasons += [str(error)] if str(error) else []
    else:
        raise SourceError(
            f"{storage.place} has {len(files):,} files, but no images in folders named after their classes, "
            "and no file with labels for them: "
            + (
                "make one folder for each class, or a table with a row for each image. "
                if not reasons
                else ""
            )
            + "\n".join([*reasons, *_excel(files)])
        )
    several = settings.labels == "several"
    if several:
        labelled = labelled if labelled.sets else _with_sets(labelled)
        classes = sorted({name for image in labelled.images for name in image.labels.yes})
    else:
        classes = sorted({image.label for image in labelled.images})
    if len(classes) < 2:
        left_out = Counter(reason for _, reason in labelled.left_out).most_common(3)
        others = [f"{count:,} files were left out: {reason}" for reason, count in left_out]
        why = "\n".join([*reasons, *labelled.notes, *others, *_excel(files)])
        raise SourceError(
            f"{storage.place} has images of {len(classes)} class{'es' if not classes else ''}"
            f"{' (' + classes[0] + ')' if classes else ''}; at least 2 are needed{chr(10) * bool(why)}{why}"
        )
    return Labelled(labelled.images, labelled.left_out, [*reasons, *labelled.notes], labelled.sets)


def _with_sets(labelled: Labelled) -> Labelled:
    """Return images that have one label each from a format with one, such as folders, as sets of one.

    Copies of one image in several folders are merged when the images are scanned.
    """
    images = [annotated.of_set(image, LabelSet(frozenset([image.label]))) for image in labelled.images]
    return Labelled(images, labelled.left_out, labelled.notes, sets=True)


def _excel(files: Sequence[StoredFile]) -> list[str]:
    """Return what to do with tables that are not read."""
    tables = [file.path for file in files if file.path.lower().endswith((".xlsx", ".xls", ".ods"))]
    return [f"Save {path} as CSV: it may have the labels." for path in tables[:3]]
