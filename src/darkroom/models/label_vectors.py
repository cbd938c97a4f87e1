"""Vectors of labels from a file (model.label_vectors), as GloVe, word2vec or a person made them."""

import re
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom import UserError
from darkroom.files import copy_file

KEPT = "label_vectors"  # the name of the copy, before its ending
SHOWN = 10  # labels in a message


def keep_label_vectors(setting: str, folder: Path, *, root: Path) -> None:
    """Copy the file that `setting` (model.label_vectors) names into `folder`; nothing where it is empty.

    A relative path begins at `root`. Raises UserError where there is no such file.
    """
    if not setting:
        return
    path = root / Path(setting).expanduser()
    if not path.is_file():
        raise UserError(
            f"model.label_vectors is {setting}, but there is no file {path}: name an .npz or a text file "
            'with a vector for each label, or set model.label_vectors="" for vectors of their co-occurrence'
        )
    copy_file(path, folder / f"{KEPT}{path.suffix}")


def kept_label_vectors(setting: str, names: Sequence[str], folder: Path) -> Tensor | None:
    """Return the vectors [L,D] of labels from the copy in `folder`; None where `setting` is empty.

    Raises UserError as `read_label_vectors`.
    """
    if not setting:
        return None
    return read_label_vectors(folder / f"{KEPT}{Path(setting).suffix}", names)


def read_label_vectors(path: Path, names: Sequence[str]) -> Tensor:
    """Return a vector of length 1 for each name, float64 [L,D].

    The file is an .npz with an array for each name, or with `names` [W] and `vectors` [W,D]; or text of a
    line a name and its numbers, between blanks or tabs, as GloVe and word2vec write it, whose first line may
    be their counts. A name that is not there is looked for in lower case; one of several words, as
    `tennis-court`, then has the mean of its words' vectors, as in the paper of DeViSE.

    Raises UserError that lists the labels without a vector, and for a file that holds none.
    """
    wanted = {alias for name in names for alias in (name, *_aliases(name))}
    try:
        found = (_of_npz if path.suffix == ".npz" else _of_text)(path, wanted)
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise UserError(
            f"model.label_vectors: {path} cannot be read: {error}; it has to be an .npz with an array a "
            "label, or text with a label and its numbers in each line"
        ) from error
    vectors = [_vector(name, found) for name in names]
    missing = [name for name, vector in zip(names, vectors, strict=True) if vector is None]
    if missing:
        shown = ", ".join(missing[:SHOWN]) + (", …" if len(missing) > SHOWN else "")
        raise UserError(
            f"model.label_vectors: {path} has no vector of {len(missing)} of {len(names)} labels: {shown}; "
            "add them to the file"
        )
    lengths = {len(vector) for vector in vectors if vector is not None}
    if len(lengths) > 1:
        raise UserError(
            f"model.label_vectors: the vectors in {path} have {' and '.join(map(str, sorted(lengths)))} "
            "numbers: give each as many"
        )
    stacked = torch.from_numpy(np.stack([vector for vector in vectors if vector is not None]))
    unit: Tensor = stacked / stacked.norm(dim=1, keepdim=True).clamp(min=1e-12)
    return unit


def _aliases(name: str) -> list[str]:
    """Return what a name is also looked for as: in lower case, and its words.

    >>> _aliases("Tennis-court")
    ['tennis-court', 'tennis', 'court']
    """
    lower = name.lower()
    words = [word for word in re.split(r"[\W_]+", lower) if word]
    return [lower, *words] if len(words) > 1 else [lower]


def _vector(name: str, found: dict[str, NDArray[np.float64]]) -> NDArray[np.float64] | None:
    lower, *words = _aliases(name)
    for whole in (name, lower):
        if whole in found:
            return found[whole]
    if words and all(word in found for word in words):
        mean: NDArray[np.float64] = np.mean([found[word] for word in words], axis=0)
        return mean
    return None


def _of_npz(path: Path, wanted: set[str]) -> dict[str, NDArray[np.float64]]:
    with np.load(path, allow_pickle=False) as arrays:
        get: Callable[[str], Any] = arrays.__getitem__
        if {"names", "vectors"} <= set(arrays.files):
            pairs = zip(get("names").tolist(), get("vectors"), strict=True)
            return {
                str(name): np.asarray(row, np.float64).ravel() for name, row in pairs if str(name) in wanted
            }
        return {name: np.asarray(get(name), np.float64).ravel() for name in arrays.files if name in wanted}


def _of_text(path: Path, wanted: set[str]) -> dict[str, NDArray[np.float64]]:
    """Return the vectors of the lines whose name is wanted; a name may have blanks, numbers may not."""
    found: dict[str, NDArray[np.float64]] = {}
    size = 0
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            words = line.split()
            if number == 1 and len(words) == 2 and all(word.isdecimal() for word in words):
                size = int(words[1])  # the counts of word2vec
                continue
            size = size or _numbers_at_end(words)
            name = " ".join(words[:-size])
            if words and name in wanted:
                found[name] = np.array(words[-size:], dtype=np.float64)
    return found


def _numbers_at_end(words: Sequence[str]) -> int:
    """Return how many of the words from the second on are numbers, counted from the end.

    >>> _numbers_at_end(["tennis", "court", "0.1", "-2e-3"])
    2
    """
    count = 0
    for word in reversed(words[1:]):
        try:
            float(word)
        except ValueError:
            break
        count += 1
    if words and not count:
        raise ValueError(f"its first line ends with {words[-1]!r}, which is no number")
    return count
