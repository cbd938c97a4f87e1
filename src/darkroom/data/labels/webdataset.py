"""WebDataset: the files of a sample have one name, such as `0001.jpg` with `0001.cls` or `0001.json`."""

import json
import posixpath
from collections import defaultdict
from collections.abc import Mapping, Sequence

from darkroom.config.data import Data
from darkroom.data.annotations.base import split_in_name, unique
from darkroom.data.annotations.columns import LABELS, plain
from darkroom.data.annotations.text import decode
from darkroom.data.labels.base import (
    Labelled,
    LabelledImage,
    UnrecognisedError,
    is_hidden,
    looks_like_an_image,
)
from darkroom.data.storage import Storage, StoredFile

CLASS = "cls"
JSON = "json"


def read(storage: Storage, files: Sequence[StoredFile], settings: Data) -> Labelled:
    """Read the class of each image from the file beside it; the split from the name of the shard.

    Raises UnrecognisedError where fewer than half of the images have a file with their class, or where the
    parameters name a table.
    """
    samples: dict[str, dict[str, StoredFile]] = defaultdict(dict)
    images: dict[str, StoredFile] = {}
    for file in files:
        if is_hidden(file.path):
            continue
        folder, name = posixpath.split(file.path)
        key, _, extension = name.partition(".")  # as WebDataset divides names: at the first dot
        samples[f"{folder}/{key}"][extension.lower()] = file
        if looks_like_an_image(file.path):
            images[file.path] = samples[f"{folder}/{key}"].setdefault("image", file)
    of_class = sum(CLASS in parts for parts in samples.values())
    if settings.table or not of_class or 2 * of_class < len(images):
        raise UnrecognisedError("")
    found, left_out = [], []
    for key, parts in samples.items():
        image = parts.get("image")
        if image is not None:
            label = _label(storage, parts, settings)
            if label:
                found.append(LabelledImage(image, label, split_in_name(key)))
            else:
                left_out.append((image, "its sample has no class, or several"))
    used = {image.file.path for image in found} | {file.path for file, _ in left_out}
    left_out += [(file, "not the image of a sample") for file in files if file.path not in used]
    return Labelled(found, left_out, ["The labels are those of the samples (WebDataset)."])


def _label(storage: Storage, parts: Mapping[str, StoredFile], settings: Data) -> str:
    """Return the class of a sample: a name in its JSON, else what its `.cls` has."""
    if JSON in parts:
        try:
            value = json.loads(storage.read(parts[JSON].path))
        except ValueError:
            return ""
        cells = {plain(name): cell for name, cell in value.items()} if isinstance(value, dict) else {}
        for name in [plain(settings.label)] if settings.label else LABELS:
            if isinstance(cells.get(name), str) or (settings.label and name in cells):
                return next(iter(unique([cells[name]])), "")
    if CLASS not in parts:
        return ""
    return decode(storage.read(parts[CLASS].path)).strip()
