"""Sets of labels as people write them in a review, and as its files keep them.

In `feedback.jsonl`, `decisions.jsonl` and tables a set is the JSON list of its names, sorted: names may hold
any character. `[]` says that the image has none of the labels.
"""

import json
from collections.abc import Iterable, Sequence

SEPARATOR = "|"


def set_text(names: Iterable[str]) -> str:
    """Return a set of labels as a JSON list.

    >>> set_text(["tree", "car"])
    '["car", "tree"]'
    """
    return json.dumps(sorted(set(names)), ensure_ascii=False)


def read_set(text: str) -> list[str] | None:
    """Return the names in a JSON list; None where the text is none.

    >>> read_set('["car", "tree"]'), read_set("[]"), read_set("car")
    (['car', 'tree'], [], None)
    """
    try:
        names = json.loads(text)
    except ValueError:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    return names


def written_set(text: str, classes: Sequence[str]) -> list[str]:
    """Return the names that a person wrote: a JSON list, one name, or names with `|` between them.

    >>> written_set("car | tree", ["car", "tree"]), written_set("[]", ["car"]), written_set("a|b", ["a|b"])
    (['car', 'tree'], [], ['a|b'])
    """
    if text in classes:
        return [text]
    names = read_set(text)
    if names is not None:
        return names
    return [name for each in text.split(SEPARATOR) if (name := each.strip())]


def shown_set(text: str) -> str:
    """Return a set for people.

    >>> shown_set('["car", "tree"]'), shown_set("[]")
    ('car + tree', '(no label)')
    """
    return " + ".join(read_set(text) or []) or "(no label)"
