"""The preparation of a data set: split, corrected, written, and described for the stages that follow."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.data.corrections.merging import MergedCorrections, merge_corrections
from darkroom.data.corrections.reading import read_corrections
from darkroom.data.report import channel_statistics, data_report
from darkroom.data.sources.raw import Raw
from darkroom.data.splits import Split, split_sha256, write_split
from darkroom.data.splitting import manifest, split_indices
from darkroom.images.resizing import Fit


@dataclass(frozen=True)
class Prepared:
    """A data set that is ready to be written.

    Attributes:
        name: of its source.
        classes: names of the classes, by label.
        splits: by name: train (with the corrections), validation and test.
        manifests: of each split, a row for each image.
        corrections: what became of the corrections.
        fit: as in `to_model_input`.
    """

    name: str
    classes: tuple[str, ...]
    splits: dict[str, Split]
    manifests: dict[str, pd.DataFrame]
    corrections: MergedCorrections
    fit: Fit = "crop"


def prepare(
    raw: Raw,
    corrections: Path,
    *,
    name: str,
    validation_fraction: float,
    seed: int,
    similarity: float,
    mirror: bool,
    fit: Fit = "crop",
) -> Prepared:
    """Split a published data set, and add the corrections in a folder to its training images.

    Args:
        raw: the data set as published.
        corrections: the folder of reviewed images, as `read_corrections` has it; it may be missing.
        name: of the source.
        validation_fraction: share of the published training images that validates.
        seed: draws which.
        similarity: from which on a correction counts as a copy of a test or validation image.
        mirror: whether training mirrors images, so that mirrored copies count too.
        fit: how corrections are brought to the shape of the images, as in `to_model_input`.

    Raises CorrectionError, and ValueError when a class is too small to be split.
    """
    train, validation, splits = _splits(raw, validation_fraction=validation_fraction, seed=seed)
    height, width, channels = raw.train.images.shape[1:]
    found = read_corrections(
        corrections,
        raw.classes,
        height=height,
        width=width,
        channels=channels,
        fit=fit,
        several=raw.train.several,
    )
    merged = merge_corrections(found, splits, raw.classes, similarity=similarity, mirror=mirror)
    splits["train"] = merged.train
    # corrections have no place in the published part
    train = np.pad(train, (0, len(merged.train) - len(train)), constant_values=-1)
    places = {"train": train, "validation": validation, "test": np.arange(len(raw.test))}
    manifests = {part: manifest(split, places[part], raw.classes) for part, split in splits.items()}
    for part, rows in raw.rows.items():
        # a correction that was added has no row
        columns = rows.reindex(range(len(manifests[part]))).fillna("")
        manifests[part] = pd.concat([manifests[part], columns], axis=1)
    if (merged.files != "").any():
        manifests["train"]["source"] = np.where(merged.files != "", "correction", "data")
        manifests["train"]["correction"] = merged.files
    return Prepared(name, raw.classes, splits, manifests, merged, fit)


def _splits(
    raw: Raw, *, validation_fraction: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], dict[str, Split]]:
    """Return the places of the training and validation images in the source's part, and the splits."""
    if raw.validation is not None:
        splits = {"train": raw.train, "validation": raw.validation, "test": raw.test}
        return np.arange(len(raw.train)), np.arange(len(raw.validation)), splits
    train, validation = split_indices(raw.train.labels, validation_fraction=validation_fraction, seed=seed)
    splits = {
        "train": Split(raw.train.images[train], raw.train.labels[train]),
        "validation": Split(raw.train.images[validation], raw.train.labels[validation]),
        "test": raw.test,
    }
    return train, validation, splits


def write_splits(prepared: Prepared, folder: Path) -> dict[str, str]:
    """Write each split into a folder of its name below `folder`; return the SHA-256 of each by name."""
    for part, split in prepared.splits.items():
        write_split(folder / part, split, prepared.manifests[part])
    return {part: split_sha256(folder / part) for part in prepared.splits}


def meta(prepared: Prepared, hashes: Mapping[str, str]) -> dict[str, Any]:
    """Return what data/meta.json states, which `read_meta` reads; `hashes` are those of `write_splits`."""
    images = prepared.splits["train"].images
    height, width, channels = images.shape[1:]
    mean, std = channel_statistics(images)
    tree = {
        "name": prepared.name,
        "classes": list(prepared.classes),
        "height": height,
        "width": width,
        "channels": channels,
        "fit": prepared.fit,
        "mean": mean,
        "std": std,
        **{part: len(split) for part, split in prepared.splits.items()},
        "test_sha256": hashes["test"],
    }
    if prepared.splits["train"].several:
        tree["labels"] = "several"
    if used := int((prepared.corrections.files != "").sum()):
        tree |= {"corrections": used, "corrections_sha256": prepared.corrections.summary["sha256"]}
    return tree


def report(prepared: Prepared, hashes: Mapping[str, str], source: Mapping[str, Any]) -> dict[str, Any]:
    """Return what reports/data.json states; `source` is data/source.json."""
    tree: dict[str, Any] = {"source": dict(source), "sha256": dict(hashes)}
    tree |= data_report(prepared.splits, prepared.manifests, prepared.classes)
    if prepared.corrections.summary:
        tree["corrections"] = prepared.corrections.summary
    return tree
