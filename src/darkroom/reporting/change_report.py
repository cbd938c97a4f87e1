"""A change's report for those who review it: the committed reports beside another commit's, as Markdown."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from darkroom.evaluation.intervals import wilson_interval
from darkroom.files import read_json

MOST_CLASSES = 20  # of a confusion matrix that is shown
MOST_MISTAKES = 10


def pr_report(root: Path, *, against: str) -> str:
    """Return the report of the checkout at `root` beside the commit or branch `against`.

    It reads reports/, which evaluation wrote and git keeps; nothing is predicted.
    """
    path = root / "reports/metrics.json"
    if not path.is_file():
        return "# Report\n\nThere is no reports/metrics.json in this checkout: run `dvc repro`.\n"
    metrics, before = read_json(path), _earlier(root, against)
    parts = ["# Report", _headline(metrics, before, against)]
    if (root / "reports/registered.json").is_file():
        registered = read_json(root / "reports/registered.json")
        verdict = registered.get("verdict", {"words": "not judged: registered before there was a gate"})
        parts.append(
            f"**The gate:** {registered['name']} version {registered['version']}, {verdict['words']}."
        )
    parts += ["## Metrics", _metrics_table(metrics, before, against)]
    parts += _confusion(root / "reports/confusion_matrix.csv")
    parts += _mistakes(root / "reports/misclassified.csv")
    changes = _git(root, "diff", against, "--", "params.yaml")
    if changes:
        parts += ["## Parameters that changed", f"```diff\n{changes.rstrip()}\n```"]
    return "\n\n".join(parts) + "\n"


def difference_interval(right: int, of: int, other_right: int, other_of: int) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two independent shares (Newcombe 1998, method 10).

    On the same images it is wider than need be: what the two share is not known here.
    """
    one, two = right / of, other_right / other_of
    (low1, high1), (low2, high2) = wilson_interval(right, of), wilson_interval(other_right, other_of)
    below = ((one - low1) ** 2 + (high2 - two) ** 2) ** 0.5
    above = ((high1 - one) ** 2 + (two - low2) ** 2) ** 0.5
    return one - two - below, one - two + above


def _headline(metrics: Mapping[str, Any], before: Mapping[str, Any] | None, against: str) -> str:
    test = metrics["test"]
    words = (
        f"Test accuracy **{test['accuracy']:.2%}** "
        f"({test['accuracy_low']:.2%} to {test['accuracy_high']:.2%})"
    )
    if before is None:
        return words + f"; `{against}` has no reports to compare with."
    other = before["test"]
    if metrics == before:
        return words + f"; the reports are those of `{against}`."
    low, high = difference_interval(
        *(
            round(part["accuracy"] * part["images"]) if count else part["images"]
            for part in (test, other)
            for count in (True, False)
        )
    )
    change = test["accuracy"] - other["accuracy"]
    return (
        words + f", {100 * change:+.2f} points against `{against}` (95 % interval {100 * low:+.2f} to "
        f"{100 * high:+.2f}, as if on different images)."
    )


def _metrics_table(metrics: Mapping[str, Any], before: Mapping[str, Any] | None, against: str) -> str:
    rows = [("metric", "here", against)] if before is not None else [("metric", "here")]
    rows.append(tuple("---" for _ in rows[0]))  # type: ignore[arg-type]  # as wide as the head
    wanted = {
        "accuracy": ("test", "accuracy"),
        "macro F1": ("test", "macro", "f1"),
        "loss": ("test", "loss"),
        "calibration error": ("calibration", "error"),
        "accuracy of confident answers": ("calibration", "confident", "accuracy"),
        "accuracy under corruptions": ("corrupted", "accuracy"),
        "accuracy without near-duplicates": ("duplicates", "without", "accuracy"),
    }
    for name, keys in wanted.items():
        trees = [metrics] if before is None else [metrics, before]
        rows.append((name, *(_cell(tree, keys) for tree in trees)))  # type: ignore[arg-type]  # as above
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _cell(tree: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    for key in keys[:-1]:
        tree = tree.get(key, {})
    name = keys[-1]
    if name not in tree:
        return "not measured"
    form = "{:.4f}" if name == "loss" else "{:.2%}"
    told = form.format(tree[name])
    if f"{name}_low" not in tree:  # reports of before there were intervals
        return told
    return told + f" ({form} to {form})".format(tree[f"{name}_low"], tree[f"{name}_high"])


def _confusion(path: Path) -> list[str]:
    if not path.is_file():
        return []
    table = pd.read_csv(path, keep_default_na=False, dtype=str)  # names of classes may look like numbers
    if len(table) > MOST_CLASSES:
        return ["## Confusion", f"{len(table)} classes: see reports/confusion.png (`dvc pull`)."]
    heads = ["actual \\ predicted", *map(_text, table.columns[1:])]
    rows = [
        heads,
        ["---"] * len(heads),
        *([_text(value) for value in row] for row in table.to_numpy().tolist()),
    ]
    return ["## Confusion", "\n".join("| " + " | ".join(row) + " |" for row in rows)]


def _mistakes(path: Path) -> list[str]:
    if not path.is_file():
        return []
    names = dict.fromkeys(("actual", "predicted"), str)  # that may look like numbers
    table = pd.read_csv(path, keep_default_na=False, dtype=names).head(MOST_MISTAKES)
    if table.empty:
        return ["## The worst mistakes", "None: every image was recognised."]
    lines = ["| test image | is | taken for | how surely |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {row['image']} | {_text(row['actual'])} | {_text(row['predicted'])} | {row['confidence']:.1%} |"
        for row in table.to_dict("records")
    ]
    return ["## The worst mistakes", "\n".join(lines), "Shown in reports/misclassified.png (`dvc pull`)."]


def _text(value: object) -> str:
    return " ".join(str(value).split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _earlier(root: Path, against: str) -> dict[str, Any] | None:
    text = _git(root, "show", f"{against}:reports/metrics.json")
    metrics: dict[str, Any] | None = json.loads(text) if text else None
    return metrics


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""
