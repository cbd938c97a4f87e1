"""Deciding on reported images: confirm the reported class, correct it, or reject the image."""

import getpass
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from darkroom.feedback.sets import read_set, set_text, written_set
from darkroom.feedback.store import Decision, Item, ReviewError
from darkroom.files import read_json

CONFIRM, CORRECT, REJECT = ACTIONS = ("confirm", "correct", "reject")


@dataclass(frozen=True, kw_only=True)
class Review:
    """What decisions are checked against: the images, the classes that may be chosen, and who decides."""

    items: Sequence[Item]
    classes: Sequence[str]
    reviewer: str


def decide(review: Review, sha256: str, action: str, label: str | None = None) -> Decision:
    """Return a valid decision on an image; `store.save_decisions` writes it.

    Args:
        review: the images, classes and reviewer.
        sha256: of the image's file, or its first digits where no other image has the same.
        action: one of `ACTIONS`.
        label: the correct class; needed to correct, and to confirm where users reported several classes. Of
            an image of several labels it is the whole set, as `sets.written_set` reads it.

    Raises:
        ReviewError: no such image, action or class, or the action and the class do not fit together.

    Example:
        >>> item = Item(
        ...     sha256="3f9a", file=Path("3f9a.png"), reported=("cat",), predicted="dog", probability=0.5,
        ...     model="animals", version="3", last_reported_at="2026-01-01T00:00:00+00:00", decision=None,
        ... )
        >>> review = Review(items=[item], classes=["cat", "dog"], reviewer="Ada")
        >>> decide(review, "3f", "confirm").label
        'cat'
    """
    item = _find(review.items, sha256)
    name = f"image {item.sha256[:12]}"
    if item.several and label:
        label = set_text(written_set(label, review.classes))
    if action not in ACTIONS:
        raise ReviewError(f"{name}: the decision is {action!a}; use one of {', '.join(ACTIONS)}")
    if action == REJECT:
        if label:
            raise ReviewError(f"{name}: it is rejected and has the class {label!a}; give only one of them")
        label = None
    elif action == CONFIRM:
        label = _confirmed(item, label, name)
    elif not label:
        raise ReviewError(f"{name}: to correct it, give the correct class")
    chosen = [] if label is None else read_set(label) or [] if item.several else [label]
    if unknown := [each for each in chosen if each not in review.classes]:
        raise ReviewError(
            f"{name}: {unknown[0]!a} is not a class; the classes are {', '.join(review.classes)}"
        )
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Decision(sha256=item.sha256, action=action, label=label, who=review.reviewer, when=now)


def _find(items: Sequence[Item], sha256: str) -> Item:
    found = [item for item in items if sha256 and item.sha256.startswith(sha256)]
    if len(found) != 1:
        raise ReviewError(f"{len(found)} images have a SHA-256 that starts with {sha256!a}; it must be one")
    return found[0]


def _confirmed(item: Item, label: str | None, name: str) -> str:
    """Return the class that is confirmed: the only one reported, or the given one of several."""
    reported = [each for each in item.reported if each is not None]
    if not label:
        if len(item.reported) != 1 or not reported:
            raise ReviewError(
                f"{name}: users reported {item.reported_text()}, which cannot be confirmed: give the class"
            )
        return reported[0]
    if label not in reported:
        raise ReviewError(
            f"{name}: users reported {item.reported_text()}, not {label!a}; use `correct` for another class"
        )
    return label


def known_classes(items: Sequence[Item], meta: Path) -> list[str]:
    """Return the classes that may be decided on: those in `meta` (data/meta.json).

    Where that file is missing or describes other data than the feedback, they are the classes that were
    reported or predicted.
    """
    if meta.is_file():
        tree = read_json(meta)
        if {item.model for item in items} <= {tree["name"]}:
            return list(tree["classes"])
    labels = set[str]()
    for item in items:
        named = [label for label in (*item.reported, item.predicted) if label is not None]
        labels.update(name for each in named for name in ((read_set(each) or []) if item.several else [each]))
    return sorted(labels)


def current_user() -> str:
    """Return the name of the user that runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the user of a container may have no name
        return f"user {os.getuid()}"
