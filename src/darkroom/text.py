"""Text in shape: columns for a terminal, names for folders."""

import re


def columns(rows: list[tuple[str, ...]]) -> str:
    """Return rows as columns of text, the last one as wide as it is."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    )


def class_folder(name: str) -> str:
    """Return the name of a class's folder: the class, with what no folder may have written as %XX."""
    return re.sub(r'[\x00-\x1f%/\\:*?"<>|]|^\.|\.$', lambda found: f"%{ord(found[0]):02X}", name)
