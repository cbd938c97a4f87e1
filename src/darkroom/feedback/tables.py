"""The review as a table: one row per image, in which a reviewer fills in the decision and the class."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from darkroom.feedback.decisions import Review, decide
from darkroom.feedback.store import Decision, Item, ReviewError

COLUMNS = (
    *("sha256", "reported", "predicted", "probability", "decision", "class"),
    *("decided_by", "decided_at", "model", "version", "last_reported_at", "file"),
)
NEEDED = ("sha256", "decision", "class")  # to read decisions from a table


def to_table(items: Iterable[Item]) -> pd.DataFrame:
    """Return one row per image with the columns `COLUMNS`; `decision` and `class` are for the reviewer."""
    return pd.DataFrame([_row(item) for item in items], columns=list(COLUMNS))


def _row(item: Item) -> dict[str, str | float]:
    decision = item.decision
    return {
        "sha256": item.sha256,
        "reported": item.reported_text(),
        "predicted": item.shown(item.predicted),
        "probability": item.probability,
        "decision": decision.action if decision else "",
        "class": (decision.label or "") if decision else "",
        "decided_by": decision.who if decision else "",
        "decided_at": decision.when if decision else "",
        "model": item.model,
        "version": item.version,
        "last_reported_at": item.last_reported_at,
        "file": item.file.name,
    }


def read_table(path: Path, review: Review) -> list[Decision]:
    """Return the decisions in a table that a reviewer filled in, in a spreadsheet or in the gallery.

    Any separator and a byte order mark are accepted, as spreadsheets write them. Rows without a decision are
    skipped.

    Raises:
        ReviewError: a column is missing, or rows cannot be used; the message names all of them.
    """
    try:
        rows = pd.read_csv(
            path, dtype=str, keep_default_na=False, encoding="utf-8-sig", sep=None, engine="python"
        )
    except (OSError, ValueError) as error:
        raise ReviewError(f"{path} cannot be read as a table: {error}") from error
    if missing := [name for name in NEEDED if name not in rows]:
        raise ReviewError(f"{path} lacks the column {', '.join(missing)}; it has {', '.join(map(str, rows))}")
    decisions, errors = [], []
    for row in rows.to_dict("records"):
        sha256, action, label = row["sha256"].strip(), row["decision"].strip().lower(), row["class"].strip()
        if not action:
            if label:
                errors.append(f"image {sha256[:12]} has the class {label!a} and no decision")
            continue
        try:
            decisions.append(decide(review, sha256, action, label))
        except ReviewError as error:
            errors.append(str(error))
    if errors:
        raise ReviewError(f"{path} was rejected, nothing was changed:\n  " + "\n  ".join(errors))
    return decisions
