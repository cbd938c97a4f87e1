"""A reviewer's decisions: on one image, or in a table."""

import getpass
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.files import read_json

if TYPE_CHECKING:
    pass
from darkroom.feedback.store import Decision, Item, ReviewError, told

CONFIRM, CORRECT, REJECT = ACTIONS = ("confirm", "correct", "reject")


def decide(
    items: Sequence[Item], sha256: str, action: str, label: str | None, *, classes: Sequence[str], who: str
) -> Decision:
    """Return a decision on an image, checked; it is kept by `keep`.

    Args:
        items: the images there are.
        sha256: of the image; its first digits will do where no other has them.
        action: confirm, correct or reject.
        label: the right class; needed to correct, and to confirm where people said several.
        classes: the classes there are.
        who: decides.

    Raises:
        ReviewError: there is no such image, action or class, or they do not fit together.
    """
    found = [item for item in items if sha256 and item.sha256.startswith(sha256)]
    if len(found) != 1:
        raise ReviewError(f"{sha256!a} is the beginning of {len(found)} images' SHA-256; needed: of one")
    (item,) = found
    name = f"image {item.sha256[:12]}"
    if action not in ACTIONS:
        raise ReviewError(f"{name}: the decision is {action!a}; there are {', '.join(ACTIONS)}")
    if action == REJECT:
        if label:
            raise ReviewError(f"{name}: it is rejected and has the class {label!a}; needed: one of the two")
        label = None
    elif action == CONFIRM:
        said = [one for one in item.said if one is not None]
        if not label:
            if len(item.said) != 1 or not said:
                raise ReviewError(
                    f"{name}: people said {told(item)}, which cannot be confirmed as it is: give the class"
                )
            (label,) = said
        elif label not in said:
            raise ReviewError(
                f"{name}: people said {told(item)}, not {label!a}; `correct` is for another class"
            )
    elif not label:
        raise ReviewError(f"{name}: to correct needs the class that is right")
    if label is not None and label not in classes:
        raise ReviewError(f"{name}: {label!a} is no class; there are {', '.join(classes)}")
    when = datetime.now(UTC).isoformat(timespec="seconds")
    return Decision(sha256=item.sha256, action=action, label=label, who=who, when=when)


def read_table(path: Path, items: Sequence[Item], *, classes: Sequence[str], who: str) -> list[Decision]:
    """Return the decisions that a reviewer wrote into a table: in `decision`, and in `class` where needed.

    Rows without a decision are passed over. Raises ReviewError that names every row that cannot be used.
    """
    import pandas as pd

    try:
        rows = pd.read_csv(
            path, dtype=str, keep_default_na=False, encoding="utf-8-sig", sep=None, engine="python"
        )
    except (OSError, ValueError) as error:
        raise ReviewError(f"{path} cannot be read as a table: {error}") from error
    if lacking := [name for name in ("sha256", "decision", "class") if name not in rows]:
        raise ReviewError(f"{path} lacks the column {', '.join(lacking)}; it has {', '.join(map(str, rows))}")
    decisions, wrong = [], []
    for row in rows.to_dict("records"):
        action, label = row["decision"].strip().lower(), row["class"].strip()
        if not action:
            if label:
                wrong.append(f"image {row['sha256'][:12]} has the class {label!a} and no decision")
            continue
        try:
            decisions.append(decide(items, row["sha256"].strip(), action, label, classes=classes, who=who))
        except ReviewError as error:
            wrong.append(str(error))
    if wrong:
        raise ReviewError(f"{path} was not taken in, nothing was changed:\n  " + "\n  ".join(wrong))
    return decisions


def known_classes(items: Sequence[Item], meta: Path) -> list[str]:
    """Return the classes that may be decided on: those in `meta` (data/meta.json).

    Without that file, or where it is of other data than the feedback, the classes that were said or
    predicted.
    """
    if meta.is_file():
        tree = read_json(meta)
        if {item.model for item in items} <= {tree["name"]}:
            return list(tree["classes"])
    seen = {said for item in items for said in (*item.said, item.predicted) if said is not None}
    return sorted(seen)


def reviewer() -> str:
    """Return the name of who runs this."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        return f"user {os.getuid()}"
