"""Which column of a table is the image, the label, the split and the group."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from darkroom.data.annotations.base import SPLITS, AnnotationError, ColumnNames
from darkroom.data.annotations.grid import Grid
from darkroom.data.annotations.names import is_url, looks_like_an_image

# The usual names, without case, blanks and signs; the first that a table has is taken.
IMAGES = (
    *("filename", "imagefilename", "filepath", "imagepath", "imagefile", "imgpath", "path", "file"),
    *("imagename", "imgname", "image", "img", "imageid", "imgid", "idcode", "imageuri", "imageurl"),
    *("url", "uri", "sourceref", "photo", "picture", "fname", "name", "id", "uid", "uuid"),
)
LABELS = (
    *("labelname", "classname", "categoryname", "label", "category", "class", "target", "species", "breed"),
    *(
        "diagnosis",
        "dx",
        "tag",
        "labels",
        "classes",
        "categories",
        "tags",
        "classid",
        "labelid",
        "categoryid",
    ),
    *("y", "type", "attributeids", "landmarkid", "finelabel", "level"),
)
SPLIT_NAMES = ("split", "subset", "partition", "mluse", "set", "part", "phase", "usage", "purpose", "dataset")
GROUPS = ("group", "groupid", "patient", "patientid", "subject", "subjectid", "lesionid", "individualid")
ANSWERS = (0.0, 1.0, -1.0)  # no, yes, unknown
SAMPLE = 1000  # rows by which a column is judged
FEW = 10  # rows that may have a class each


@dataclass(frozen=True)
class Found:
    """The columns of a table.

    Attributes:
        image: names the image.
        label: its class; empty where `one_hot` has it, or where there is none.
        one_hot: columns named after classes, with 1 in that of the image's.
        split: empty if none.
        group: empty if none.
    """

    image: str
    label: str
    one_hot: tuple[str, ...] = ()
    split: str = ""
    group: str = ""


def find_columns(grid: Grid, settings: ColumnNames) -> Found | None:
    """Return the columns that the parameters name, or found by name and content; None if none is the image.

    Raises AnnotationError where a named column is not there, or has values that cannot be.
    """
    image = _named(grid, settings.image, "data.image") or _image(grid)
    if not image:
        return None
    label = _named(grid, settings.label, "data.label")
    split = _named(grid, settings.split, "data.split")
    group = _named(grid, settings.group, "data.group")
    if split:
        _check_splits(split, grid.column(split))
    split = split or _split(grid, {image, label, group})
    group = group or _by_name(grid, GROUPS, {image, label, split})
    taken = {image, split, group}
    one_hot: tuple[str, ...] = ()
    if not label:
        label = _by_name(grid, LABELS, taken)
        if not label:
            one_hot = _one_hot(grid, taken, ANSWERS if settings.labels == "several" else ANSWERS[:2])
        others = [name for name in grid.names if name not in taken]
        if not label and not one_hot and len(others) == 1 and _may_be_labels(grid.column(others[0])):
            label = others[0]
    return Found(image, label, one_hot, split, group)


def plain(name: Any) -> str:
    """Return a column's name without case, blanks and signs.

    >>> plain("Image_ID "), plain("file name")
    ('imageid', 'filename')
    """
    return re.sub(r"[\W_]+", "", str(name).lower())


def split_of(cell: Any) -> str:
    """Return the split that a cell names; empty if none, or if it says that none is chosen.

    >>> split_of("TRAIN"), split_of("Valid"), split_of("unassigned")
    ('train', 'validation', '')
    """
    return SPLITS.get(str(cell or "").strip().lower(), "")


def _named(grid: Grid, name: str, parameter: str) -> str:
    """Return the table's own spelling of a column that a parameter names; empty if it names none."""
    if not name:
        return ""
    for same in (str, plain):
        found = [one for one in grid.names if same(one) == same(name)]
        if len(found) == 1:
            return found[0]
    raise AnnotationError(
        f"it has no column {name!r} ({parameter}): its columns are {', '.join(map(repr, grid.names))}"
    )


def _image(grid: Grid) -> str:
    by_content = [name for name in grid.names if _all_images(grid.column(name)[:SAMPLE])]
    by_name = _in_order(grid.names, IMAGES)
    both = [name for name in by_name if name in by_content]
    return next(iter([*both, *by_content, *by_name]), "")


def _in_order(names: Sequence[str], usual: Sequence[str]) -> list[str]:
    found = [name for name in names if plain(name) in usual]
    return sorted(found, key=lambda name: usual.index(plain(name)))


def _by_name(grid: Grid, usual: Sequence[str], taken: set[str]) -> str:
    return next((name for name in _in_order(grid.names, usual) if name not in taken), "")


def _all_images(cells: Iterable[Any]) -> bool:
    """Whether most cells name image files, or are URLs."""
    filled = [str(cell) for cell in cells if cell]
    images = sum(is_url(cell) or looks_like_an_image(cell) for cell in filled)
    return bool(filled) and images > len(filled) / 2


def _may_be_labels(cells: Sequence[Any]) -> bool:
    repeated = len({str(cell) for cell in cells}) < len(cells) or len(cells) < FEW
    return repeated and not _all_images(cells) and not all(split_of(cell) for cell in cells)


def _split(grid: Grid, taken: set[str]) -> str:
    for name in _in_order(grid.names, SPLIT_NAMES):
        cells = [cell for cell in grid.column(name) if cell]
        if (
            name not in taken
            and cells
            and all(split_of(cell) or plain(cell) == "unassigned" for cell in cells)
        ):
            return name
    return ""


def _check_splits(name: str, cells: Sequence[Any]) -> None:
    wrong = sorted(
        {str(cell) for cell in cells if cell and not split_of(cell) and plain(cell) != "unassigned"}
    )
    if wrong:
        raise AnnotationError(
            f"its column {name!r} (data.split) has {', '.join(map(repr, wrong[:5]))}: "
            f"the names of splits are {', '.join(SPLITS)}"
        )


def answer_of(cell: Any) -> float | None:
    """Return 1 for yes, 0 for no, -1 for unknown, which a blank cell is too; None for any other value.

    >>> answer_of("1"), answer_of(" "), answer_of(-1.0), answer_of("maybe"), answer_of(True)
    (1.0, -1.0, -1.0, None, 1.0)
    """
    if cell is None or cell != cell or not str(cell).strip():
        return -1.0
    number = _number({"true": 1, "false": 0}.get(str(cell).strip().lower(), cell))
    return number if number in ANSWERS else None


def _one_hot(grid: Grid, taken: set[str], answers: Sequence[float]) -> tuple[str, ...]:
    """Return the columns with nothing but `answers`, and not unknown alone, if there are at least two."""
    read = _number if len(answers) == 2 else answer_of
    found = []
    for name in grid.names:
        values = set() if name in taken else {read(cell) for cell in grid.column(name)}
        if name not in taken and values <= {*answers} and values != {-1.0}:
            found.append(name)
    return tuple(found) if len(found) > 1 else ()


def _number(cell: Any) -> float | None:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return None
