"""Lists of the images of each split, as Pascal VOC has them: `ImageSets/Main/train.txt`."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from darkroom.data.annotations.base import SPLITS
from darkroom.data.annotations.text import decode
from darkroom.data.labels.base import looks_like_an_image
from darkroom.data.storage import Storage, StoredFile

FOLDER = "ImageSets"


def split_lists(storage: Storage, files: Sequence[StoredFile]) -> dict[str, str]:
    """Return the split of each image, by its path, that a list named after a split has."""
    lists = [file.path for file in files if FOLDER in PurePosixPath(file.path).parts[:-1]]
    split_of_stem = {}
    for path in lists:
        split = SPLITS.get(PurePosixPath(path).stem.lower())
        if split:
            words = (line.split() for line in decode(storage.read(path)).splitlines())
            split_of_stem.update({line[0]: split for line in words if line})
    if not split_of_stem:
        return {}
    images = [PurePosixPath(file.path) for file in files if looks_like_an_image(file.path)]
    return {str(path): split_of_stem[path.stem] for path in images if path.stem in split_of_stem}
