"""The feedback folder: what users reported of images, and the decisions kept beside it."""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


NONE = "(none of these)"  # as tables and pages call what is no class of the model
COLUMNS = (
    *("sha256", "said", "predicted", "probability", "decision", "class"),
    *("decided_by", "decided_at", "model", "version", "last_said_at", "file"),
)


class ReviewError(ValueError):
    """What was asked of the feedback cannot be done; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A reviewer's word on an image: `action` is confirm, correct or reject, `label` the right class."""

    sha256: str
    action: str
    label: str | None
    who: str
    when: str  # UTC, ISO 8601


@dataclass(frozen=True, kw_only=True)
class Item:
    """An image of the feedback with all that is known of it.

    Attributes:
        sha256: of its file.
        file: where it lies.
        said: the classes that people said, in order, each once; None is none of the model's.
        predicted, probability: of the model's answer, when something was last said.
        model, version: of the model that answered; `model` is the data set's name.
        when: something was last said; UTC, ISO 8601.
        decision: that counts; None where there is none yet.
    """

    sha256: str
    file: Path
    said: tuple[str | None, ...]
    predicted: str
    probability: float
    model: str
    version: str
    when: str
    decision: Decision | None


def read_items(folder: Path) -> list[Item]:
    """Return the images of a feedback folder, the last spoken of first.

    A line that a crash cut off is passed over. Raises ReviewError where there is no feedback.
    """
    lines = folder / "feedback.jsonl"
    if not lines.is_file():
        raise ReviewError(
            f"{lines} is not there: name the folder that the service keeps feedback in with --folder, or in "
            "DARKROOM_FEEDBACK"
        )
    decisions = read_decisions(folder)
    told: dict[str, list[Mapping[str, Any]]] = {}
    for line in _whole_lines(lines):
        if {"sha256", "image", "class", "model"} <= set(line):
            told.setdefault(line["sha256"], []).append(line)
    items = [
        Item(
            sha256=sha256,
            file=folder / entries[-1]["image"],
            said=tuple(dict.fromkeys(entry["class"] for entry in entries)),
            predicted=entries[-1]["predicted"],
            probability=float(entries[-1]["probability"]),
            model=entries[-1]["model"]["name"],
            version=str(entries[-1]["model"]["version"]),
            when=entries[-1]["time"],
            decision=decisions.get(sha256),
        )
        for sha256, entries in told.items()
    ]
    return sorted(items, key=lambda item: (item.when, item.sha256), reverse=True)


def read_decisions(folder: Path) -> dict[str, Decision]:
    """Return the decision that counts of each image, by its SHA-256."""
    path = folder / "decisions.jsonl"
    lines = _whole_lines(path) if path.is_file() else ()
    return {line["sha256"]: Decision(**line) for line in lines if set(line) == set(_FIELDS)}


_FIELDS = tuple(Decision.__dataclass_fields__)


def _whole_lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_bytes().splitlines():
        try:
            entry = json.loads(line)
        except ValueError:  # ends where a crash was
            continue
        if isinstance(entry, dict):
            yield entry


def table(items: Iterable[Item]) -> "pd.DataFrame":
    """Return a row an image, with the columns `COLUMNS`; `decision` and `class` are for the reviewer."""
    import pandas as pd

    rows = [
        {
            "sha256": item.sha256,
            "said": told(item),
            "predicted": item.predicted,
            "probability": item.probability,
            "decision": item.decision.action if item.decision else "",
            "class": (item.decision.label or "") if item.decision else "",
            "decided_by": item.decision.who if item.decision else "",
            "decided_at": item.decision.when if item.decision else "",
            "model": item.model,
            "version": item.version,
            "last_said_at": item.when,
            "file": item.file.name,
        }
        for item in items
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def told(item: Item) -> str:
    """Return what people said of an image, in words: more than one where they do not agree."""
    return " / ".join(NONE if said is None else said for said in item.said)


def keep(folder: Path, decisions: Iterable[Decision]) -> int:
    """Keep decisions, on the disk when this returns; return how many were new.

    One that says what counts already is not kept again.
    """
    with open(folder / "decisions.jsonl", "a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        standing = read_decisions(folder)
        new = [one for one in decisions if not _same(standing.get(one.sha256), one)]
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        torn = size > 0 and file.read(1) != b"\n"  # by a crash
        lines = [json.dumps(vars(one), ensure_ascii=False).encode() + b"\n" for one in new]
        file.write((b"\n" if torn else b"") + b"".join(lines))
        file.flush()
        os.fsync(file.fileno())
    return len(new)


def _same(one: Decision | None, other: Decision) -> bool:
    return one is not None and (one.action, one.label) == (other.action, other.label)
