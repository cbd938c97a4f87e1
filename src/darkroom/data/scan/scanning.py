"""From the files of a source to the manifest: labels, facts, duplicates, splits, and what is left out."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from darkroom.config.data import Data
from darkroom.data.labels import Labelled, LabelledImage, read_labels
from darkroom.data.scan.duplicates import LARGEST, clusters, connected, equal_pairs
from darkroom.data.scan.examination import all_grey, examine_all
from darkroom.data.scan.label_sets import counts_of, leave_out_rare_labels, merge_copies, sets_of
from darkroom.data.scan.parts import assign, assign_sets
from darkroom.data.scan.pixels import PixelStore
from darkroom.data.storage import SourceError, Storage, StoredFile
from darkroom.data.storage.base import path_bytes
from darkroom.text import counted, note

USED, LEFT_OUT = "used", "left out"
FEW_REASONS = 5  # examples in an error


@dataclass(frozen=True)
class Scan:
    """A source that was scanned.

    Attributes:
        manifest: a row an image or other file, by path: `path`, `label`, `split`, `given` (the split that the
            source gives), `group`, `unit` (images of one unit are in one split), the facts, `state` (used or
            left out) and `reason`. Of several labels `label` and `unknown` are JSON lists.
        classes: names of the classes, sorted.
        shape: height, width and channels of the model's input.
        notes: whole sentences for people about what was decided.
    """

    manifest: pd.DataFrame
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    notes: list[str]

    @property
    def used(self) -> pd.DataFrame:
        """The rows of the images that are used."""
        return self.manifest[self.manifest["state"] == USED]

    @property
    def left_out(self) -> pd.DataFrame:
        """Path, size, label and reason of what is left out."""
        rows = self.manifest[self.manifest["state"] == LEFT_OUT]
        return rows[["path", "size", "label", "reason"]].reset_index(drop=True)

    def _counts(self) -> Mapping[str, int]:
        """Return how many images of each class are used."""
        if "unknown" in self.manifest:
            return dict(sorted(counts_of(sets_of(self.used)).items()))
        return {str(name): n for name, n in self.used["label"].value_counts().sort_index().items()}

    def summary(self) -> dict[str, Any]:
        """Return counts and notes for a report."""
        used, left_out = self.used, self.left_out
        return {
            "images": len(used),
            "classes": {name: int(count) for name, count in self._counts().items()},
            "splits": {name: int(count) for name, count in used["split"].value_counts().items()},
            "left_out": {
                str(why): int(n)
                for why, n in left_out["reason"].str.split(":").str[0].str[:80].value_counts().items()
            },
            "notes": self.notes,
        }


def scan(
    storage: Storage,
    files: Sequence[StoredFile],
    settings: Data,
    *,
    similarity: float,
    mirror: bool,
    work: Path,
    workers: int,
) -> Scan:
    """Scan the files of a source; pixels and facts are kept in the folder `work` for the next scan.

    Args:
        storage: the source.
        files: what is in it.
        settings: the section `data`.
        similarity: from which on two images count as copies, which must be in one split.
        mirror: whether mirrored copies count.
        work: folder that keeps pixels and facts.
        workers: threads that read and decode.

    Raises SourceError where no labels are found, for fewer than two classes, and for more damaged images than
    `settings.unreadable_share`.
    """
    labelled = read_labels(storage, files, settings)
    images = labelled.images
    shape = (*settings.size, _channels(storage, images, settings))
    known = work / hashlib.sha256(path_bytes(storage.place)).hexdigest()[:16]
    with PixelStore(work / "pixels", shape, fit=settings.fit) as store:
        facts = examine_all(
            storage, [image.file for image in images], store, known / "facts.parquet", workers=workers
        )
    table = pd.concat(
        [
            facts.rename(columns={"problem": "reason"}),
            pd.DataFrame(
                [(image.label, image.split, image.group) for image in images],
                columns=["label", "split", "group"],
            ),
        ],
        axis=1,
    )
    several = settings.labels == "several"
    if several:
        table["unknown"] = [image.unknown for image in images]
    _check_readable(table, settings.unreadable_share)
    notes = list(labelled.notes)
    notes += merge_copies(table) if several else _leave_out_contradictions(table)
    if settings.duplicates == "drop":
        notes += _leave_out_copies(table)
    leave_out = leave_out_rare_labels if several else _leave_out_small_classes
    notes += leave_out(table, settings.smallest_class)
    table["state"] = (table["reason"] == "").map({True: USED, False: LEFT_OUT})
    used = table[table["state"] == USED]
    classes = tuple(sorted(counts_of(sets_of(used)) if several else used["label"].unique()))
    if len(classes) < 2:
        raise SourceError(
            f"{storage.place}: {len(classes)} classes have at least {settings.smallest_class} images "
            "(data.smallest_class); at least 2 are needed"
        )
    with PixelStore(work / "pixels", shape, fit=settings.fit) as store:
        pixels = store.rows(used["sha256"])
    alike, copies = clusters(pixels, used["sha256"], used["phash"], similarity=similarity, mirror=mirror)
    split, unit, more = _splits(used, pd.Series(alike, index=used.index), settings)
    table["given"] = table["split"]  # the report on the data names images that were moved out of it
    table["split"] = split.reindex(table.index, fill_value="")
    table["unit"] = unit.reindex(table.index, fill_value=-1)
    more += _leave_out_crossing(table, pd.Series(alike, index=used.index))
    manifest = _with_others(table, labelled)
    return Scan(manifest, classes, shape, [*notes, *copies, *more])


def _channels(storage: Storage, images: Sequence[LabelledImage], settings: Data) -> int:
    if settings.channels != "auto":
        return settings.channels
    return 1 if all_grey(storage, [image.file for image in images if not image.file.problem]) else 3


def _check_readable(table: pd.DataFrame, share: float) -> None:
    """Raise SourceError where more than `share` of the images cannot be read."""
    broken = table[table["reason"] != ""]
    if len(broken) > share * len(table):
        examples = "\n".join(
            f"  {row.path}: {row.reason}" for row in broken.head(FEW_REASONS).itertuples(index=False)
        )
        raise SourceError(
            f"{len(broken):,} of {len(table):,} images cannot be read, more than "
            f"data.unreadable_share={share:g} allows:\n{examples}\nReplace them, or set "
            "data.unreadable_share higher to leave them out."
        )


def _leave_out_contradictions(table: pd.DataFrame) -> list[str]:
    """Leave out equal files of different classes: which of them is right is not known."""
    fine = table[table["reason"] == ""]
    # a group costs a millisecond, about as much as an image's decoding: only of files that occur twice
    twice = fine[fine["sha256"].duplicated(keep=False)]
    labels = twice.groupby("sha256")["label"].agg(lambda names: sorted(set(names)))
    several = labels[labels.map(len) > 1]
    for sha256, names in several.items():
        table.loc[table["sha256"] == sha256, "reason"] = f"the same file is in the classes {', '.join(names)}"
    count = int(fine["sha256"].isin(several.index).sum())
    return note("Left out because the same file is in several classes", count, "image")


def _leave_out_copies(table: pd.DataFrame) -> list[str]:
    """Leave out all but the first of equal files."""
    fine = table[table["reason"] == ""]
    copies = fine[fine["sha256"].duplicated()]
    first = fine.drop_duplicates("sha256").set_index("sha256")["path"]
    table.loc[copies.index, "reason"] = "the same file as " + copies["sha256"].map(first)
    return note("Left out because they equal another", len(copies), "image")


def _leave_out_small_classes(table: pd.DataFrame, smallest: int) -> list[str]:
    """Leave out classes with fewer images than `smallest`."""
    counts = table["label"][table["reason"] == ""].value_counts()
    small = counts[counts < smallest].sort_index()
    for label, count in small.items():
        rows = (table["label"] == label) & (table["reason"] == "")
        images = counted(count, "image")
        table.loc[rows, "reason"] = f"its class has {images}, fewer than data.smallest_class={smallest}"
    return [
        f"The class {label} was left out: it has {counted(count, 'image')}, fewer than "
        f"data.smallest_class={smallest}."
        for label, count in small.items()
    ]


def _splits(used: pd.DataFrame, alike: pd.Series, settings: Data) -> tuple[pd.Series, pd.Series, list[str]]:
    """Return split and unit of each image that is used, and sentences; copies share a value of `alike`."""
    grouped = bool((used["group"] != "").any())
    unit, notes = _groups_as_units(used, alike) if grouped else (alike, [])
    key = used["sha256"].where(used["group"] == "", "group " + used["group"])
    units = pd.DataFrame({"label": used["label"], "split": used["split"], "unit": unit, "key": key})
    how = {"test_fraction": settings.test_fraction, "validation_fraction": settings.validation_fraction}
    if settings.labels == "several":
        split, more = assign_sets(units, sets_of(used), **how, seed=settings.seed)
    else:
        split, more = assign(units, **how, seed=settings.seed)
    copies = int((alike.groupby(alike).transform("size") > 1).sum())
    if copies:
        notes.insert(
            0, f"{copies:,} images are equal or nearly equal to another; such images are in one split."
        )
    return split, unit, notes + more


def _groups_as_units(used: pd.DataFrame, alike: pd.Series) -> tuple[pd.Series, list[str]]:
    """Return the unit of each image where the source names groups, and sentences.

    A group and the copies of its images are one unit, so groups that share copies are joined. Where that
    would chain a large share of all images together, groups are not joined.
    """
    group = used["group"].where(used["group"] != "", "image " + used["sha256"])
    joined = pd.Series(connected(len(used), [*equal_pairs(alike), *equal_pairs(group)]), index=used.index)
    largest, alone = int(joined.value_counts().max()), int(group.value_counts().max())
    if largest <= max(10, LARGEST * len(used)) or largest == alone:
        return joined, []
    note = (
        f"Copies link groups into one of {largest:,} of {len(used):,} images, too many for one split, so "
        "groups are not joined: of copies that are then in two splits only those of one split are used."
    )
    return pd.Series(connected(len(used), list(equal_pairs(group))), index=used.index), [note]


def _leave_out_crossing(table: pd.DataFrame, alike: pd.Series) -> list[str]:
    """Leave out the copies of test images that train or validate, and of validation images that train."""
    used = table.loc[alike.index]
    order = used["split"].map({"test": 0, "validation": 1, "train": 2})
    first = order.groupby(alike).transform("min")
    for name, place in (("test", 0), ("validation", 1)):
        rows = used.index[(order > place) & (first == place)]
        table.loc[rows, "reason"] = f"equal or nearly equal to a {name} image of another group"
        table.loc[rows, ["state", "split"]] = LEFT_OUT, ""
        table.loc[rows, "unit"] = -1
    count = int((order > first).sum())
    return note("Left out because a copy is in another split", count, "image")


def _with_others(table: pd.DataFrame, labelled: Labelled) -> pd.DataFrame:
    """Return the manifest with a row too for each file that is no image with a label, sorted by path."""
    others = pd.DataFrame(
        [(file.path, file.size, file.version, reason) for file, reason in labelled.left_out],
        columns=["path", "size", "version", "reason"],
    )
    others["state"], others["unit"] = LEFT_OUT, -1
    both = pd.concat([table, others], ignore_index=True) if len(others) else table
    numbers = both.select_dtypes("number").columns
    both[numbers] = both[numbers].fillna(0)
    texts = [name for name in both.columns if name not in numbers]
    both[texts] = both[texts].fillna("")
    return both.sort_values("path", kind="stable", ignore_index=True)
