"""The report of a change for its reviewers: the committed reports beside another commit's, as Markdown."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from darkroom.evaluation.intervals import wilson_interval
from darkroom.files import read_json
from darkroom.reporting.markdown import table, text
from darkroom.tracking.git import git

MOST_CLASSES = 20  # of a confusion matrix that is shown
MOST_MISCLASSIFIED = 10
METRICS = {  # name in the report: its path in metrics.json
    "accuracy": ("test", "accuracy"),
    "macro F1": ("test", "macro", "f1"),
    "loss": ("test", "loss"),
    "calibration error": ("calibration", "error"),
    "accuracy of confident predictions": ("calibration", "confident", "accuracy"),
    "accuracy under corruptions": ("corrupted", "accuracy"),
    "accuracy without near-duplicates": ("duplicates", "without", "accuracy"),
}


def pr_report(root: Path, *, against: str) -> str:
    """Return the report of the checkout at `root` beside the commit or branch `against`, as Markdown.

    It reads reports/, which evaluation wrote and git keeps; nothing is predicted.
    """
    path = root / "reports/metrics.json"
    if not path.is_file():
        return "# Report\n\nThere is no reports/metrics.json in this checkout: run `dvc repro`.\n"
    metrics, before = read_json(path), _earlier_metrics(root, against)
    parts = ["# Report", _headline(metrics, before, against)]
    if (root / "reports/registered.json").is_file():
        registered = read_json(root / "reports/registered.json")
        verdict = registered.get("verdict", {"words": "not judged: registered before there was a gate"})
        parts.append(
            f"**The gate:** {registered['name']} version {registered['version']}, {verdict['words']}."
        )
    parts += ["## Metrics", _metrics_table(metrics, before, against)]
    parts += _confusion(root / "reports/confusion_matrix.csv")
    parts += _misclassified(root / "reports/misclassified.csv")
    changes = (git(root, "diff", against, "--", "params.yaml") or b"").decode()
    if changes:
        parts += ["## Parameters that changed", f"```diff\n{changes.rstrip()}\n```"]
    return "\n\n".join(parts) + "\n"


def difference_interval(correct: int, of: int, other_correct: int, other_of: int) -> tuple[float, float]:
    """Return the 95 % interval (low, high) of the difference of two independent shares, within -1..1.

    The method is Newcombe's (1998, Statistics in Medicine 17, method 10). For shares of the same images it
    is wider than necessary, as it does not know on which images both are correct.

    >>> low, high = difference_interval(56, 70, 48, 80)
    >>> print(f"{low:.4f} to {high:.4f}")
    0.0524 to 0.3339
    """
    one, two = correct / of, other_correct / other_of
    (low1, high1), (low2, high2) = wilson_interval(correct, of), wilson_interval(other_correct, other_of)
    below = ((one - low1) ** 2 + (high2 - two) ** 2) ** 0.5
    above = ((high1 - one) ** 2 + (two - low2) ** 2) ** 0.5
    return one - two - below, one - two + above


def _headline(metrics: Mapping[str, Any], before: Mapping[str, Any] | None, against: str) -> str:
    test = metrics["test"]
    sentence = (
        f"Test accuracy **{test['accuracy']:.2%}** "
        f"({test['accuracy_low']:.2%} to {test['accuracy_high']:.2%})"
    )
    if before is None:
        return sentence + f"; `{against}` has no reports to compare with."
    if metrics == before:
        return sentence + f"; the reports are the same as those of `{against}`."
    other = before["test"]
    low, high = difference_interval(
        *(
            round(part["accuracy"] * part["images"]) if count else part["images"]
            for part in (test, other)
            for count in (True, False)
        )
    )
    change = test["accuracy"] - other["accuracy"]
    return (
        sentence + f", {100 * change:+.2f} points against `{against}` (95 % interval {100 * low:+.2f} to "
        f"{100 * high:+.2f}, as if on different images)."
    )


def _metrics_table(metrics: Mapping[str, Any], before: Mapping[str, Any] | None, against: str) -> str:
    trees = [metrics] if before is None else [metrics, before]
    heads = ["metric", "here", against][: 1 + len(trees)]
    rows = [[name, *(_metric_cell(tree, path) for tree in trees)] for name, path in METRICS.items()]
    return table(heads, rows)


def _metric_cell(tree: Mapping[str, Any], path: tuple[str, ...]) -> str:
    for key in path[:-1]:
        tree = tree.get(key, {})
    name = path[-1]
    if name not in tree:
        return "not measured"
    form = "{:.4f}" if name == "loss" else "{:.2%}"
    value = form.format(tree[name])
    if f"{name}_low" not in tree:  # older reports have no intervals
        return value
    return value + f" ({form} to {form})".format(tree[f"{name}_low"], tree[f"{name}_high"])


def _confusion(path: Path) -> list[str]:
    if not path.is_file():
        return []
    counts = pd.read_csv(path, keep_default_na=False, dtype=str)  # names of classes may look like numbers
    if len(counts) > MOST_CLASSES:
        return ["## Confusion", f"{len(counts)} classes: see reports/confusion.png (`dvc pull`)."]
    heads = ["actual \\ predicted", *map(text, counts.columns[1:])]
    return ["## Confusion", table(heads, [[text(value) for value in row] for row in counts.to_numpy()])]


def _misclassified(path: Path) -> list[str]:
    if not path.is_file():
        return []
    names = dict.fromkeys(("actual", "predicted"), str)  # names of classes may look like numbers
    images = pd.read_csv(path, keep_default_na=False, dtype=names).head(MOST_MISCLASSIFIED)
    if images.empty:
        return ["## Misclassified images", "No image was misclassified."]
    rows = [
        [str(row["image"]), text(row["actual"]), text(row["predicted"]), f"{row['confidence']:.1%}"]
        for row in images.to_dict("records")
    ]
    return [
        "## Misclassified images",
        "The most confident ones:",
        table(["test image", "actual", "predicted", "confidence"], rows),
        "reports/misclassified.png shows them (`dvc pull`).",
    ]


def _earlier_metrics(root: Path, against: str) -> dict[str, Any] | None:
    output = git(root, "show", f"{against}:./reports/metrics.json")  # ./ in a folder of a larger repository
    metrics: dict[str, Any] | None = json.loads(output) if output else None
    return metrics
