"""Parsing of the values that requests give beside their images: `k`, `explain` and `class`."""

import json
from collections.abc import Sequence

from ..errors import RequestError
from ..prediction.model import Classifier

DEFAULT_K = 3


def default_k(classifier: Classifier) -> int:
    """Return how many classes a prediction lists unless the request says: of several labels all of them."""
    count = len(classifier.classes)
    return count if classifier.thresholds is not None else min(DEFAULT_K, count)


def parse_k(text: str | None, classes: int, default: int = DEFAULT_K) -> int:
    """Return how many classes a prediction lists: `text`, or `default` where it is None.

    Raises:
        RequestError: 400, not a whole number from 1 to `classes`.

    >>> parse_k("5", 10), parse_k(None, 10), parse_k(None, 2)
    (5, 3, 2)
    """
    if text is None:
        return min(default, classes)
    if text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= classes:
        return int(text)
    raise RequestError(
        400,
        "bad_k",
        f"k is {text[:20]!a}; give the number of classes to list, a whole number from 1 to {classes}.",
    )


def parse_explain(text: str) -> bool:
    """Return whether a prediction is explained.

    Raises:
        RequestError: 400, neither `true` nor `false`.

    >>> parse_explain("true")
    True
    """
    if text not in ("true", "false"):
        raise RequestError(400, "bad_explain", f"explain is {text[:20]!a}; give true or false.")
    return text == "true"


def parse_class(text: str | None, classes: Sequence[str]) -> str | None:
    """Return the class that feedback names; None where its text is empty, which means none of `classes`.

    Raises:
        RequestError: 400, missing or not one of `classes`.

    >>> parse_class("cat", ["cat", "dog"])
    'cat'
    >>> parse_class("", ["cat", "dog"]) is None
    True
    """
    if text is not None and (text == "" or text in classes):
        return text or None
    found = "is missing" if text is None else f"is {text[:60]!a}"
    raise RequestError(
        400,
        "bad_class",
        f"The field 'class' {found}; send one of the model's classes, or an empty text for none of them: "
        f"{', '.join(classes[:20])}{' …' if len(classes) > 20 else ''}.",
    )


def parse_labels(text: str | None, classes: Sequence[str]) -> list[str]:
    """Return the labels that feedback says an image has, sorted; `text` is a JSON list of names.

    Raises:
        RequestError: 400, missing, not such a list, or a name in it is not one of `classes`.

    >>> parse_labels('["tree", "car"]', ["car", "road", "tree"]), parse_labels("[]", ["car"])
    (['car', 'tree'], [])
    """
    try:
        names = json.loads(text or "")
    except (ValueError, RecursionError):
        names = None
    known = set(classes)
    # not a set of the list first: what is in it may not be hashable
    if isinstance(names, list) and all(isinstance(name, str) and name in known for name in names):
        return sorted(set(names))
    found = "is missing" if text is None else f"is {text[:60]!a}"
    raise RequestError(
        400,
        "bad_labels",
        f"The field 'labels' {found}; send all labels that the image has as a JSON list, [] where it has "
        f"none, out of {', '.join(classes[:20])}{' …' if len(classes) > 20 else ''}.",
    )
