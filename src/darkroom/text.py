"""Text: columns for a terminal, names for folders."""

import re


def columns(rows: list[tuple[str, ...]]) -> str:
    """Return rows of cells as aligned columns of text; the last column is not padded.

    >>> print(columns([("name", "value"), ("seed", "0"), ("epochs", "16")]))
    name    value
    seed    0
    epochs  16
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    )


def counted(count: int, thing: str) -> str:
    """Return a number with what it counts, a word whose plural ends in s.

    >>> counted(1, "image"), counted(2062, "image")
    ('1 image', '2,062 images')
    """
    return f"{count:,} {thing}" + ("" if count == 1 else "s")


def note(what: str, count: int, thing: str) -> list[str]:
    """Return a sentence that says how many things something holds for, in a list; of none no sentence.

    >>> note("Left out because they equal another", 2, "image"), note("Damaged", 0, "image")
    (['Left out because they equal another: 2 images.'], [])
    """
    return [f"{what}: {counted(count, thing)}."] if count else []


SETS_FOLDER = "label-sets"  # of corrections of several labels: images, and the labels of each in a .json


def class_folder(name: str) -> str:
    r"""Return the folder name of a class: its name, with characters that folders may not have written as %XX.

    >>> class_folder("cat/dog"), class_folder("."), class_folder("100 %")
    ('cat%2Fdog', '%2E', '100 %25')
    """
    return re.sub(r'[\x00-\x1f%/\\:*?"<>|]|^\.|\.$', lambda found: f"%{ord(found[0]):02X}", name)
