"""Markdown (GitHub's flavour) that shows any text as it is: cells, tables, code, links, numbers."""

import string
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_SPECIAL = {ord(mark): f"\\{mark}" for mark in string.punctuation if mark in "\\`*_{}[]<>#|~$&!"}


def text(value: object) -> str:
    r"""Return `value` in one line that Markdown shows as it is, in a table too.

    >>> print(text("a|b_c\n<d>"))
    a\|b\_c \<d\>
    """
    return " ".join(str(value).split()).translate(_SPECIAL)


def code(value: str) -> str:
    """Return `value` as code, or as plain text where a backtick or pipe would break it.

    >>> code("dvc repro")
    '`dvc repro`'
    """
    value = " ".join(value.split())
    return text(value) if set(value) & {"`", "|"} else f"`{value}`"


def image(caption: str, link: str) -> str:
    """Return an image with a caption; `link` may hold spaces and brackets.

    >>> image("Worst", "my <worst>.png")
    '![Worst](<my %3Cworst%3E.png>)'
    """
    link = link.replace("\\", "/").replace("<", "%3C").replace(">", "%3E").replace("\n", "%0A")
    return f"![{text(caption)}](<{link}>)"


def cell(value: Any) -> str:
    """Return a value for a table's cell; numbers keep every digit, hashes become code.

    >>> cell(True), cell([64, 2e-06])
    ('yes', '64, 2e-06')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return code(value) if len(value) >= 32 and set(value) <= set(string.hexdigits) else text(value)
    if isinstance(value, Iterable):
        return ", ".join(cell(part) for part in value)
    return text(value)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; heads and cells are Markdown already.

    >>> print(table(("", "value"), [("accuracy", "93.67 %")]))
    |  | value |
    | --- | --- |
    | accuracy | 93.67 % |
    """
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def tree_rows(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return a row a leaf of nested values, named by its path with dots; None is left out.

    >>> tree_rows({"train": {"epochs": 8, "device": None}})
    [('train.epochs', '8')]
    """
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            rows += tree_rows(value, f"{prefix}{key}.")
        elif value is not None:
            rows.append((text(f"{prefix}{key}"), cell(value)))
    return rows


def tree_table(values: Mapping[str, Any], heads: tuple[str, str] = ("", "value")) -> str:
    """Return the table of `tree_rows`."""
    return table(heads, tree_rows(values))


def percent(share: float) -> str:
    """Return a share 0..1 in per cent.

    >>> percent(0.93674)
    '93.67 %'
    """
    return f"{100 * share:.2f} %"


def percent_interval(low: float, high: float) -> str:
    """Return an interval of shares 0..1 in per cent.

    >>> percent_interval(0.93183, 0.94131)
    '93.18 to 94.13 %'
    """
    return f"{100 * low:.2f} to {100 * high:.2f} %"
