"""What the tests of labels share: reading a folder, and what was understood of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from darkroom.data.labels import Labelled, read_labels
from darkroom.data.storage import open_storage
from tests.helpers.own_images import settings, write_files

IMAGE = b"not decoded here"


def read(source: Path, **changes: object) -> Labelled:
    """Read the labels of a source on this machine."""
    chosen = settings(**changes)
    storage = open_storage(str(source), source.parent, chosen)
    return read_labels(storage, list(storage.files()), chosen)


def read_files(folder: Path, files: Mapping[str, Any], **changes: object) -> Labelled:
    """Write files into a folder, and read its labels."""
    contents = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
    return read(write_files(folder, contents), **changes)


def images(*paths: str) -> dict[str, bytes]:
    """Return files that no test decodes."""
    return dict.fromkeys(paths, IMAGE)


def labels(found: Labelled) -> dict[str, str]:
    """Return the label of each image by its path."""
    return {image.file.path: image.label for image in found.images}


def splits(found: Labelled) -> dict[str, str]:
    """Return the given split of each image by its path."""
    return {image.file.path: image.split for image in found.images}


def reasons(found: Labelled) -> dict[str, str]:
    """Return why a file was left out, by its path."""
    return {file.path: reason for file, reason in found.left_out}
