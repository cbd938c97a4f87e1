"""The feedback folder: the images that users reported, and the decisions of reviewers beside them.

The service writes images and `feedback.jsonl` (`serving.monitoring.feedback_store`). Decisions go to
`decisions.jsonl` in the same folder, one line each. Lines are only added; the last one of an image counts.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom.feedback.sets import shown_set

NO_CLASS = "(none of these)"  # in tables and pages: the image is of none of the model's classes


class ReviewError(ValueError):
    """The feedback cannot be read or decided on like this; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A reviewer's decision on an image; the fields are the keys of its line in `decisions.jsonl`.

    Attributes:
        sha256: of the image's file.
        action: confirm, correct or reject.
        label: the correct class, or the text of the correct set of labels, as `sets` has it; None where the
            image is rejected.
        who: the reviewer.
        when: UTC, ISO 8601.
    """

    sha256: str
    action: str
    label: str | None
    who: str
    when: str


@dataclass(frozen=True, kw_only=True)
class Item:
    """An image of the feedback with everything that is known of it.

    Attributes:
        sha256: of its file.
        file: its path.
        reported: the classes that users reported, in order and without repeats; None is none of the model's.
            Where the model gives several labels each is the text of a whole set, as `sets` has it, and so are
            `predicted` and the decision's label.
        predicted: the class that the model predicted when the image was last reported.
        probability: of `predicted`, 0 to 1.
        model: the name of the data set that the model was trained on.
        version: of the model.
        last_reported_at: UTC, ISO 8601.
        decision: the last one; None where there is none yet.
        several: whether the model gives an image several labels.
    """

    sha256: str
    file: Path
    reported: tuple[str | None, ...]
    predicted: str
    probability: float
    model: str
    version: str
    last_reported_at: str
    decision: Decision | None
    several: bool = False

    def reported_text(self) -> str:
        """Return the reported classes as text: "cat", or "cat / dog" where users disagree."""
        return " / ".join(NO_CLASS if label is None else self.shown(label) for label in self.reported)

    def shown(self, label: str) -> str:
        """Return a class, or a set of labels, as people read it."""
        return shown_set(label) if self.several else label


def read_items(folder: Path) -> list[Item]:
    """Return the images of a feedback folder, the last reported first.

    A line that a crash cut off is ignored.

    Raises:
        ReviewError: the folder has no feedback.
    """
    path = folder / "feedback.jsonl"
    if not path.is_file():
        raise ReviewError(
            f"{path} does not exist: name the folder in which the service keeps feedback with --folder or "
            "DARKROOM_FEEDBACK"
        )
    decisions = read_decisions(folder)
    reports: dict[str, list[Mapping[str, Any]]] = {}
    for line in _whole_lines(path):
        if {"sha256", "image", "class", "model"} <= set(line):
            reports.setdefault(line["sha256"], []).append(line)
    items = [
        Item(
            sha256=sha256,
            file=folder / lines[-1]["image"],
            reported=tuple(dict.fromkeys(line["class"] for line in lines)),
            predicted=lines[-1]["predicted"],
            probability=float(lines[-1]["probability"]),
            model=lines[-1]["model"]["name"],
            version=str(lines[-1]["model"]["version"]),
            last_reported_at=lines[-1]["time"],
            decision=decisions.get(sha256),
            several=lines[-1].get("labels") == "several",
        )
        for sha256, lines in reports.items()
    ]
    return sorted(items, key=lambda item: (item.last_reported_at, item.sha256), reverse=True)


def read_decisions(folder: Path) -> dict[str, Decision]:
    """Return the last decision on each image, by the image's SHA-256."""
    path = folder / "decisions.jsonl"
    lines = _whole_lines(path) if path.is_file() else ()
    fields = set(Decision.__dataclass_fields__)
    return {line["sha256"]: Decision(**line) for line in lines if set(line) == fields}


def save_decisions(folder: Path, decisions: Iterable[Decision]) -> int:
    """Append decisions to the folder's file, synced to disk; return how many were new.

    A decision with the action and the class of the image's last decision is not written again.
    """
    with open(folder / "decisions.jsonl", "a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        last = read_decisions(folder)
        new = [one for one in decisions if not _agrees(last.get(one.sha256), one)]
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        torn = size > 0 and file.read(1) != b"\n"  # a crash cut the last line off
        lines = [json.dumps(vars(one), ensure_ascii=False).encode() + b"\n" for one in new]
        file.write((b"\n" if torn else b"") + b"".join(lines))
        file.flush()
        os.fsync(file.fileno())
    return len(new)


def _agrees(one: Decision | None, other: Decision) -> bool:
    return one is not None and (one.action, one.label) == (other.action, other.label)


def _whole_lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_bytes().splitlines():
        try:
            entry = json.loads(line)
        except ValueError:  # a crash cut it off
            continue
        if isinstance(entry, dict):
            yield entry
