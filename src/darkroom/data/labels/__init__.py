"""What the files of a source mean: which image has which label. One file a format, found in `FORMATS`.

A format looks at the names of all files (and reads the few that hold labels) and says for each image its
label, and its split and group where they are given.
"""

from collections.abc import Sequence

from darkroom.config.data import Data
from darkroom.data.labels import folders
from darkroom.data.labels.base import Format, Labelled, LabelledImage
from darkroom.data.storage import SourceError, Storage, StoredFile

__all__ = ["FORMATS", "Format", "Labelled", "LabelledImage", "read_labels"]

# Each is asked in this order whether the files are of its format; the first that recognises them reads them.
FORMATS: dict[str, Format] = {"folders": folders}


def read_labels(storage: Storage, files: Sequence[StoredFile], settings: Data) -> Labelled:
    """Read which image of `files` has which label, with the first format that recognises them.

    Raises SourceError where none does, and for fewer than two classes.
    """
    recognised = [name for name, one in FORMATS.items() if one.recognises(storage, files, settings)]
    if not recognised:
        raise SourceError(
            f"{storage.place} has {len(files):,} files, but no images in folders named after their classes: "
            "make one folder for each class"
        )
    name = recognised[0]
    labelled = FORMATS[name].read(storage, files, settings)
    classes = sorted({image.label for image in labelled.images})
    if len(classes) < 2:
        raise SourceError(
            f"{storage.place} (read as {name}) has images of {len(classes)} class"
            f"{' (' + classes[0] + ')' if classes else 'es'}; at least 2 are needed"
        )
    return labelled
