"""Feedback in review: what people said of pictures, what a reviewer decides, the corrections that come of it.

The feedback folder is the service's (`serving.feedback`). A reviewer's decisions go to `decisions.jsonl`
beside it, a line each; lines are added and never written again, and a picture's last one counts. What is
decided is exported to the folder of corrections, a folder a class and a file a picture, which the next
`dvc repro` takes in (`corrections`).
"""

import fcntl
import getpass
import hashlib
import html
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.files import atomic_write, read_json, sha256_file
from darkroom.text import class_folder

if TYPE_CHECKING:
    import pandas as pd

CONFIRM, CORRECT, REJECT = ACTIONS = ("confirm", "correct", "reject")
NONE = "(none of these)"  # as tables and pages call what is no class of the model
COLUMNS = (
    *("sha256", "said", "predicted", "probability", "decision", "class"),
    *("decided_by", "decided_at", "model", "version", "last_said_at", "file"),
)
SIDE = 160  # pixels of a picture in the gallery, at most


class ReviewError(ValueError):
    """What was asked of the feedback cannot be done; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A reviewer's word on a picture: `action` is confirm, correct or reject, `label` the right class."""

    sha256: str
    action: str
    label: str | None
    who: str
    when: str  # UTC, ISO 8601


@dataclass(frozen=True, kw_only=True)
class Item:
    """A picture of the feedback with all that is known of it.

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


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What an export did; `missing` names the pictures that are confirmed and cannot be read."""

    new: int
    moved: int
    withdrawn: int
    unchanged: int
    missing: tuple[str, ...]


def read_items(folder: Path) -> list[Item]:
    """Return the pictures of a feedback folder, the last spoken of first.

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
        if {"sha256", "picture", "class", "model"} <= set(line):
            told.setdefault(line["sha256"], []).append(line)
    items = [
        Item(
            sha256=sha256,
            file=folder / entries[-1]["picture"],
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
    """Return the decision that counts of each picture, by its SHA-256."""
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
    """Return a row a picture, with the columns `COLUMNS`; `decision` and `class` are for the reviewer."""
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
    """Return what people said of a picture, in words: more than one where they do not agree."""
    return " / ".join(NONE if said is None else said for said in item.said)


def decide(
    items: Sequence[Item], sha256: str, action: str, label: str | None, *, classes: Sequence[str], who: str
) -> Decision:
    """Return a decision on a picture, checked; it is kept by `keep`.

    Args:
        items: the pictures there are.
        sha256: of the picture; its first digits will do where no other has them.
        action: confirm, correct or reject.
        label: the right class; needed to correct, and to confirm where people said several.
        classes: the classes there are.
        who: decides.

    Raises:
        ReviewError: there is no such picture, action or class, or they do not fit together.
    """
    found = [item for item in items if sha256 and item.sha256.startswith(sha256)]
    if len(found) != 1:
        raise ReviewError(f"{sha256!a} is the beginning of {len(found)} pictures' SHA-256; needed: of one")
    (item,) = found
    name = f"picture {item.sha256[:12]}"
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
                wrong.append(f"picture {row['sha256'][:12]} has the class {label!a} and no decision")
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


def export(folder: Path, into: Path) -> Exported:
    """Write the confirmed and corrected pictures to `into/<model>/<class>/<sha256>.<format>`.

    As often as it is called, the same decisions give the same files: a picture is there once, under the
    class decided last, and not at all when it was rejected since. Killed at any moment it leaves whole
    files, and the next call does the rest. Pictures whose feedback was moved away stay as they are.

    Raises:
        ReviewError: there is no feedback.
        OSError: `into` cannot be written.
    """
    items = read_items(folder)
    into.mkdir(parents=True, exist_ok=True)
    new, moved, withdrawn, unchanged = 0, 0, 0, 0
    missing: list[str] = []
    with _alone(into):
        for aside in into.glob("*/*/.*.tmp"):  # of an export that was killed
            aside.unlink()
        for item in items:
            if item.decision is None:
                continue
            there = sorted((into / class_folder(item.model)).glob(f"*/{item.sha256}.*"))
            target = _target(into, item)
            if target is None:
                withdrawn += len(there)
                _remove(there)
            elif target in there and sha256_file(target) == item.sha256:
                unchanged += 1
                _remove(path for path in there if path != target)
            elif there and sha256_file(there[0]) == item.sha256:
                target.parent.mkdir(parents=True, exist_ok=True)
                there[0].replace(target)  # at every moment in one of the two
                _remove(path for path in there[1:] if path != target)
                moved += 1
            elif _copy(item, target):
                _remove(path for path in there if path != target)
                new += 1
            else:
                missing.append(item.sha256)
    return Exported(new=new, moved=moved, withdrawn=withdrawn, unchanged=unchanged, missing=tuple(missing))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the right to write corrections in a folder."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _target(into: Path, item: Item) -> Path | None:
    """Return where a decided picture belongs; None for a rejected one."""
    if item.decision is None or item.decision.label is None:
        return None
    return into / class_folder(item.model) / class_folder(item.decision.label) / item.file.name


def _copy(item: Item, target: Path) -> bool:
    """Copy a picture whose bytes are what they were; return whether they are."""
    try:
        content = item.file.read_bytes()
    except OSError:
        return False
    if hashlib.sha256(content).hexdigest() != item.sha256:
        return False
    with atomic_write(target) as file:
        file.write(content)
    return True


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink()


def gallery(items: Sequence[Item], classes: Sequence[str]) -> str:
    """Return one page with every picture, which needs nothing else, to look at and to decide on.

    Its button saves a table that `read_table` takes in. Pictures come decoded and encoded anew, so that no
    byte that a stranger sent reaches the browser.
    """
    options = "".join(f"<option>{html.escape(name)}</option>" for name in classes)
    figures = "\n".join(_figure(item, options) for item in items)
    return _PAGE.replace("{count}", f"{len(items):,}").replace("{figures}", figures)


def _figure(item: Item, options: str) -> str:
    standing = item.decision.action if item.decision else ""
    label = (item.decision.label or "") if item.decision else ""
    actions = "".join(
        f'<option value="{action}"{" selected" if action == standing else ""}>{words}</option>'
        for action, words in (("", "undecided"), *zip(ACTIONS, ACTIONS, strict=True))
    )
    chosen = f"<option selected>{html.escape(label)}</option>" if label else ""
    return (
        f'<figure data-sha256="{html.escape(item.sha256)}"><img alt="" src="{_thumbnail(item.file)}">'
        f"<figcaption>said <b>{html.escape(told(item))}</b><br>predicted {html.escape(item.predicted)} "
        f"({item.probability:.0%}, {html.escape(item.model)} version {html.escape(item.version)})<br>"
        f"<code>{html.escape(item.sha256[:12])}</code></figcaption>"
        f'<label>decision <select class="decision">{actions}</select></label>'
        '<label>class <select class="class"><option value="">as said</option>'
        f"{chosen}{options}</select></label>"
        "</figure>"
    )


def _thumbnail(path: Path) -> str:
    """Return a picture as a data URL, at most `SIDE` pixels a side; empty where it cannot be read."""
    import base64
    import io

    from PIL import Image

    from darkroom.images.decoding import PictureError, decode

    try:
        image = decode(path.read_bytes())
    except (OSError, PictureError):
        return ""
    scale = SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    # enlarged pictures keep their pixels
    image = image.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BICUBIC)
    file = io.BytesIO()
    image.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Feedback to review</title>
<style>
  :root { color-scheme: light dark; font: 14px/1.4 system-ui, sans-serif; }
  body { margin: 1rem; }
  header { position: sticky; top: 0; padding: .5rem 0; background: Canvas; }
  main { display: grid; grid-template-columns: repeat(auto-fill, minmax(190px, 1fr)); gap: 1rem; }
  figure { margin: 0; padding: .6rem; border: 1px solid GrayText; border-radius: 6px; }
  img { display: block; height: 160px; image-rendering: pixelated; }
  label { display: flex; justify-content: space-between; margin-top: .3rem; }
  select { max-width: 9rem; }
</style>
<header><b>{count} pictures</b> - decide, then <button>save decisions.csv</button> and take them in with
<code>python -m darkroom feedback review --table decisions.csv</code></header>
<main>
{figures}
</main>
<script>
  const quoted = (text) => '"' + text.replaceAll('"', '""') + '"';
  document.querySelector("button").addEventListener("click", () => {
    const lines = ["sha256,decision,class"];
    for (const figure of document.querySelectorAll("figure")) {
      const [decision, name] = [".decision", ".class"].map((which) => figure.querySelector(which).value);
      lines.push([figure.dataset.sha256, decision, name].map(quoted).join(","));
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines.join("\\n") + "\\n"], { type: "text/csv" }));
    link.download = "decisions.csv";
    link.click();
  });
</script>
</html>
"""
