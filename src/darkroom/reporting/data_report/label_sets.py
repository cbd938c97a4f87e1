"""The report on a data set with several labels: counts, co-occurrence, and labels told by trivial facts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.data.label_sets import UNKNOWN, YES
from darkroom.evaluation.multilabel.co_occurrence import co_occurrence_table
from darkroom.files import write_json, write_table, write_text
from darkroom.reporting.data_report.copies import Copies, find_copies
from darkroom.reporting.data_report.facts import LOOKS, image_facts
from darkroom.reporting.data_report.inputs import Data
from darkroom.reporting.data_report.report import NUMBERS, PAGE, PROPOSALS, STRANGE
from darkroom.reporting.data_report.strange import KINDS, strange

TOLD = 0.85  # AUC from which on a label can be told by one trivial fact
FEW = 20  # training images with a label


@dataclass(frozen=True, kw_only=True)
class LabelInspection:
    """What was found in a data set with several labels.

    Attributes:
        data: the data set.
        counts: a row a label: `class`, `train`, `validation`, `test`, `unknown`, and `told_by` and `auc`: the
            trivial fact that tells it best, and how well.
        pairs: as `co_occurrence_table` returns, of the training images.
        cardinality: how many training images have 0, 1, 2, ... labels.
        copies: equal and nearly equal images.
        strange: rows of `strange`.
        verdict: whole sentences.
    """

    data: Data
    counts: pd.DataFrame
    pairs: pd.DataFrame
    cardinality: NDArray[np.int64]
    copies: Copies
    strange: pd.DataFrame
    verdict: Sequence[str]


def inspect_sets(data: Data, *, similarity: float, mirror: bool) -> LabelInspection:
    """Look at a data set with several labels; the arguments are those of `report.inspect`."""
    facts = image_facts(data.splits, data.manifests, data.scanned)
    copies = find_copies(
        facts, data.splits, similarity=similarity, mirror=mirror, own=data.scanned is not None
    )
    train = data.splits["train"]
    height, width = train.images.shape[1:3]
    measured = facts[facts["split"] == "train"]
    told = [told_by(measured, train.labels[:, number]) for number in range(len(data.classes))]
    counts = pd.DataFrame({"class": list(data.classes)})
    for name, split in data.splits.items():
        counts[name] = (split.labels == YES).sum(axis=0)
    counts["unknown"] = sum((split.labels == UNKNOWN).sum(axis=0) for split in data.splits.values())
    counts["told_by"], counts["auc"] = [fact for fact, _ in told], [auc for _, auc in told]
    pairs = co_occurrence_table(train.labels, data.classes)
    cardinality = np.bincount((train.labels == YES).sum(axis=1))
    return LabelInspection(
        data=data,
        counts=counts,
        pairs=pairs,
        cardinality=cardinality,
        copies=copies,
        strange=strange(facts, height=height, width=width),
        verdict=_verdict(data, counts, pairs, cardinality, copies),
    )


def told_by(facts: pd.DataFrame, answers: NDArray[np.int8]) -> tuple[str, float]:
    """Return the trivial fact of images that tells best whether they have a label, and its AUC, 0.5 to 1.

    The facts are the columns brightness, contrast, sharpness, size, width and height of `facts`. Empty and
    0.5 where the label has no images, or all.
    """
    known = answers >= 0
    yes = answers[known] == YES
    best = ("", 0.5)
    if yes.all() or not yes.any():
        return best
    for name in [*LOOKS, "size", "width", "height"]:
        ranks = pd.Series(facts[name].to_numpy(dtype=np.float64)[known]).rank().to_numpy()
        count = int(yes.sum())
        auc = (ranks[yes].sum() - count * (count + 1) / 2) / (count * (len(yes) - count))
        if max(auc, 1 - auc) > best[1]:
            best = (name, float(max(auc, 1 - auc)))
    return best


def write_sets(folder: Path, found: LabelInspection, page: str) -> list[Path]:
    """Write the page, the numbers and the tables into `folder`; return their paths."""
    paths = [folder / name for name in (PAGE, NUMBERS, STRANGE, PROPOSALS)]
    write_text(paths[0], page)
    write_json(paths[1], numbers(found))
    write_table(paths[2], found.strange.assign(label=""))
    # labels to check come from the model, in reports/label_issues.csv: none are proposed from pixels yet
    write_table(paths[3], pd.DataFrame(columns=["split", "index", "class", "given", "probability"]))
    return paths


def numbers(found: LabelInspection) -> dict[str, Any]:
    """Return what reports/inspect.json states."""
    kinds = found.strange["kind"].value_counts()
    sizes = found.cardinality
    train = found.data.splits["train"]
    return {
        "verdict": list(found.verdict),
        "images": {name: len(split) for name, split in found.data.splits.items()},
        "labels": len(found.counts),
        "most_frequent": int(found.counts["train"].max()),
        "rarest": int(found.counts["train"].min()),
        "labels_per_image": round(float((np.arange(len(sizes)) * sizes).sum() / len(train)), 4),
        "without_labels": int(sizes[0]),
        "label_sets": len(np.unique(train.labels, axis=0)),
        "unknown": int(found.counts["unknown"].sum()),
        "always_together": int((found.pairs["kind"] == "always").sum()),
        "never_together": int((found.pairs["kind"] == "never").sum()),
        "told_by_a_trivial_fact": found.counts["class"][found.counts["auc"] >= TOLD].tolist(),
        "copies": {"equal": found.copies.equal, "leaks": found.copies.leaks, "moved": found.copies.moved},
        "strange": {kind: int(kinds.get(kind, 0)) for kind in KINDS},
    }


def _verdict(
    data: Data, counts: pd.DataFrame, pairs: pd.DataFrame, cardinality: NDArray[np.int64], copies: Copies
) -> list[str]:
    train = data.splits["train"]
    mean = (np.arange(len(cardinality)) * cardinality).sum() / len(train)
    sentences = [
        f"{sum(map(len, data.splits.values())):,} images with {len(data.classes)} labels, {mean:.1f} an "
        "image on "
        f"average and {len(cardinality) - 1} at most; {int(cardinality[0]):,} training images have none."
    ]
    few = counts["class"][counts["train"] < FEW].tolist()
    if few:
        sentences.append(f"Fewer than {FEW} training images have {', '.join(few)}: add some.")
    always = pairs[pairs["kind"] == "always"]
    if len(always):
        first = always.iloc[0]
        sentences.append(
            f"{len(always)} pairs of labels always go together, such as {first['class']} and "
            f"{first['other']}: a model learns them as one."
        )
    told = counts[counts["auc"] >= TOLD]
    if len(told):
        first = told.sort_values("auc").iloc[-1]
        sentences.append(
            f"{len(told)} labels can be told by a trivial fact, such as {first['class']} by "
            f"{first['told_by']} (AUC {first['auc']:.2f})."
        )
    if copies.moved:
        sentences.append(f"{copies.moved:,} images were moved to the split of their copies.")
    return sentences
