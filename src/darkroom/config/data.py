"""The section `data` of params.yaml."""

import re
import unicodedata
from pathlib import PurePath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from darkroom.config.base import Count, Positive, Section, Share

PUBLISHED = ("cifar10", "digits")  # data sets that Darkroom knows by name: keys of `data.sources.SOURCES`
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
Side = Annotated[int, Field(ge=8, le=1024)]
One = Annotated[Side, Tag("One")]
Pair = Annotated[tuple[Side, Side], Tag("Pair")]


def _kind_of_side(value: Any) -> str:
    """Return which of the two ways of giving a side it is, so that errors are about this one."""
    return "Pair" if isinstance(value, list | tuple) else "One"


def _not_one(folds: int) -> int:
    if folds == 1:
        raise ValueError("one fold leaves no images to train on: set 0 (off), or 2 to 20")
    return folds


class Data(Section):
    """Which data set, and how it becomes splits.

    Attributes:
        name: of the data set: one of `PUBLISHED`, or the name that images of one's own get; empty: from
            `source`.
        source: images of one's own: a folder, a table, an archive or a URL; empty for a published data set.
        table: the file of one's own with the labels: a path below the source, or anywhere; empty: found.
        image: the column of the table that names the images; empty: found by its name and content.
        label: the column of the table with the class (of a SageMaker manifest, the attribute); empty: found.
        labels: one label an image, or several: any number of them, none included.
        split: the column of the table with train, validation or test; empty: found, if there is one.
        group: the column of the table whose values must not be in two splits (a patient); empty: found.
        validation_fraction: share of the training images that validates, the same of every class.
        test_fraction: share of images of one's own that tests, where the source gives no test part.
        side: height and width of the model's input for images of one's own, in pixels: one number for both,
            or [height, width].
        fit: what becomes of images with another aspect ratio: crop (their middle), pad (grey margins) or
            squeeze (distorted); corrections and the service do the same.
        channels: 1 (grey), 3 (RGB), or auto: grey if all images are.
        smallest_class: a class of one's own with fewer images is left out.
        unreadable_share: of the images of one's own, above which damaged files are an error.
        duplicates: what becomes of equal images of one's own: together (in one split) or drop (all but one).
        seed: draws the splits of images of one's own.
        folds: into how many parts the training and validation images are divided for cross-validation; 0 is
            off.
    """

    name: str
    source: str
    table: str
    image: str
    label: str
    labels: Literal["one", "several"]
    split: str
    group: str
    validation_fraction: Annotated[float, Field(gt=0, lt=1)]
    test_fraction: Annotated[float, Field(gt=0, lt=1)]
    side: Annotated[One | Pair, Discriminator(_kind_of_side)]
    fit: Literal["crop", "pad", "squeeze"]
    channels: Literal["auto", 1, 3]
    smallest_class: Positive
    unreadable_share: Share
    duplicates: Literal["together", "drop"]
    seed: Count
    folds: Annotated[int, Field(ge=0, le=20), AfterValidator(_not_one)]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the model's input, in pixels."""
        return (self.side, self.side) if isinstance(self.side, int) else self.side

    @model_validator(mode="before")
    @classmethod
    def _name_of_source(cls, tree: Any) -> Any:
        if isinstance(tree, dict) and tree.get("name") == "" and isinstance(tree.get("source"), str):
            return {**tree, "name": source_name(tree["source"])}
        return tree

    @model_validator(mode="after")
    def _name_fits_source(self) -> "Data":
        known = ", ".join(PUBLISHED)
        if not self.source and self.name not in PUBLISHED:
            raise ValueError(
                f"data.name is {self.name!r}: not a published data set ({known}), and data.source, the "
                "folder of your own images, is empty: darkroom data use PATH"
            )
        if self.source and self.name in PUBLISHED:
            raise ValueError(
                f"data.source is {self.source!r}, but data.name is {self.name!r}, a published data set: set "
                f"data.name={source_name(self.source)}"
            )
        if self.labels == "several" and not self.source:
            raise ValueError(
                f"data.labels is several, but the images of {self.name} have one label each: set "
                "data.labels=one"
            )
        if not re.fullmatch(NAME, self.name):
            raise ValueError(
                f"data.name is {self.name!r}: it may have letters a to z, digits, '.', '_' and '-', and must "
                "begin with a letter or a digit"
            )
        return self


def source_name(source: str) -> str:
    """Return the name of a data set from where it comes.

    >>> source_name("~/My Photos/"), source_name("s3://bucket/hands.tar.gz"), source_name("/data/Fotos ä")
    ('my-photos', 'hands', 'fotos-a')
    """
    last = PurePath(re.sub(r"[?#].*$", "", source) if "://" in source else source).name
    stem = re.sub(r"(\.(tar|gz|bz2|xz|zst|tgz|zip|csv|tsv|parquet|jsonl?|ndjson|xml))+$", "", last.lower())
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9._]+", "-", plain).strip("-._")[:64]
    return "images" if not name else f"my-{name}" if name in PUBLISHED else name
