"""What the report finds, in whole sentences, and the verdict that it opens with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from darkroom.reporting.data_report.copies import Copies
from darkroom.reporting.data_report.shortcuts import WHAT
from darkroom.reporting.data_report.strange import KINDS
from darkroom.reporting.data_report.wrong_labels import Proposals
from darkroom.text import counted

MEND, LOOK = "mend", "look"
IMBALANCED = 5.0  # times the images of the smallest class
FEW = 20  # training images of a class
LEAKS = 0.01  # of the held-out images
LEFT_OUT = 0.01  # of the images
WRONG = 0.002  # of the labels, from which on they are worth a sentence in the verdict
NAMES = 3  # classes that a sentence names
IN_VERDICT = 4  # findings that a sentence names


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        key: of it, in reports/inspect.json.
        level: MEND before training, or LOOK at it.
        text: what was found, as part of a sentence.
        advice: what to do about it, a whole sentence.
    """

    key: str
    level: str
    text: str
    advice: str


def named(names: Sequence[str]) -> str:
    """Return the first names as text, and how many more there are.

    >>> named(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    shown = [one if len(one) <= 40 else one[:39] + "…" for one in names[:NAMES]]
    more = len(names) - len(shown)
    if more:
        return f"{', '.join(shown)} and {more:,} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def images(count: int) -> str:
    """Return a number of images as text.

    >>> images(1), images(1200)
    ('1 image', '1,200 images')
    """
    return counted(count, "image")


def percent(share: float) -> str:
    """Return a share as text.

    >>> percent(0.0123), percent(0.5)
    ('1.2 %', '50 %')
    """
    return f"{100 * share:.{0 if share >= 0.1 else 1}f} %"


def of_shortcuts(found: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """Return a finding for each fact that tells the class on its own."""
    findings = []
    for key, one in found.items():
        if not one["told"]:
            continue
        text = (
            f"{WHAT[key]} alone tells the class of {percent(one['accuracy'])} of the training images "
            f"(the largest class is {percent(one['majority'])})"
        )
        if one["classes_told"]:
            text += f"; it sets apart {named(one['classes_told'])}"
        level, advice = (
            MEND,
            "Make it alike in all classes, or take images where it does not go with the class.",
        )
        if key == "path":
            level = LOOK
            advice = (
                "The network does not see names, but they tell how images were collected: see that the "
                "camera, the place or the day does not go with the class, or group by it (data.group)."
            )
        elif key == "brightness":
            advice = (
                "If that is not in the nature of the classes, take images of every class in the same light; "
                "else nothing is wrong."
            )
        elif key == "file_size":
            level = LOOK
            advice = "If the files come from different cameras or programs, convert all of them alike."
        elif key == "type":
            advice = (
                "Convert all images to one type in the same way: compression leaves traces in the pixels."
            )
        findings.append(Finding(f"shortcut_{key}", level, text, advice))
    return findings


def of_counts(counts: pd.DataFrame) -> list[Finding]:
    """Return findings on the number of images: `counts` has a row a class and a column a split."""
    findings = []
    for split in counts.columns:
        empty = counts.index[counts[split] == 0].tolist()
        if empty and counts[split].sum():
            text = f"{split} has no image of {named(empty)}"
            advice = "Add images of it: nothing can be said of a class that is not tested."
            findings.append(Finding(f"no_images_{split}", MEND, text, advice))
    train = counts["train"]
    if train.max() >= IMBALANCED * max(train.min(), 1):
        text = (
            f"the largest class, {named([str(train.idxmax())])}, has {images(int(train.max()))} to train on, "
            f"{train.max() / max(train.min(), 1):,.0f} times as many as {named([str(train.idxmin())])}"
        )
        advice = "Add images of the small classes, or weight them; accuracy alone says little here."
        findings.append(Finding("imbalance", LOOK, text, advice))
    few = train[train < FEW].sort_values()
    if len(few):
        who = named([str(name) for name in few.index])
        text = f"{len(few):,} of {len(train):,} classes have fewer than {FEW} training images ({who})"
        findings.append(Finding("few_images", LOOK, text, "Add images of them."))
    return findings


def of_copies(copies: Copies) -> list[Finding]:
    """Return findings on copies across splits."""
    if copies.moved:
        text = (
            f"{images(copies.moved)} lay in another given split than a copy of them or the rest of its group"
        )
        advice = "They were moved together; the given splits leak, and results on them are too good."
        return [Finding("leaks_given", LOOK, text, advice)]
    if not copies.leaks:
        return []
    share = copies.leaks / max(copies.compared, 1)
    text = f"{percent(share)} of {copies.compared:,} held-out images are nearly copies of training images"
    advice = "Results on them measure memory: remove them from one of the two splits."
    return [Finding("leaks", MEND if share >= LEAKS else LOOK, text, advice)]


def of_left_out(left_out: pd.DataFrame, used: int) -> list[Finding]:
    """Return findings on images that were left out; other files do not count."""
    labelled = left_out[left_out["label"].fillna("") != ""]
    findings = []
    several = labelled["reason"].str.startswith("the same file is in the classes")
    if several.any():
        text = f"{images(int(several.sum()))} were left out because the same file is in several classes"
        findings.append(Finding("contradictions", MEND, text, "Keep each in its right class."))
    copies = labelled["reason"].str.startswith("the same file as ")
    others = labelled[~several & ~copies]
    if len(others):
        share = len(others) / (used + len(labelled))
        was = "was" if len(others) == 1 else "were"
        text = f"{images(len(others))} of {used + len(labelled):,} {was} left out ({named(_reasons(others))})"
        level = MEND if share >= LEFT_OUT else LOOK
        findings.append(Finding("left_out", level, text, "reports/left_out.csv names each with its reason."))
    return findings


def of_strange(table: pd.DataFrame) -> list[Finding]:
    """Return a finding for each kind of strange image."""
    counts = table["kind"].value_counts()
    return [
        Finding(
            f"strange_{kind}",
            MEND if kind == "blank" and counts[kind] > 1 else LOOK,
            f"{images(int(counts[kind]))} {'is' if counts[kind] == 1 else 'are'} {_adjective(kind)}",
            f"See whether what they show can be told ({meaning}).",
        )
        for kind, meaning in KINDS.items()
        if counts.get(kind, 0)
    ]


def of_labels(proposals: Proposals) -> list[Finding]:
    """Return a finding where labels look wrong."""
    count = len(proposals.found)
    share = count / max(proposals.looked_at, 1)
    if share < WRONG:
        return []
    text = f"the labels of {images(count)} of {proposals.looked_at:,} training images look wrong"
    advice = "Review them: darkroom feedback propose puts them into the review."
    return [Finding("wrong_labels", MEND if share >= 5 * WRONG and count >= 5 else LOOK, text, advice)]


def verdict(findings: Sequence[Finding], *, classes: int, splits: Mapping[str, int]) -> list[str]:
    """Return three sentences: what the data is, what to mend before training, what to look at."""
    parts = ", ".join(f"{count:,} {name}" for name, count in splits.items())
    total = sum(splits.values())
    first = f"{images(total)} of {classes:,} classes: {parts}."
    mend = [one.text for one in findings if one.level == MEND]
    look = [one.text for one in findings if one.level == LOOK]
    second = (
        f"Mend before training: {_listed(mend)}." if mend else "Nothing has to be mended before training."
    )
    third = f"Worth a look: {_listed(look)}." if look else "Nothing else stands out."
    return [first, second, third]


def _listed(texts: Sequence[str]) -> str:
    shown = "; ".join(texts[:IN_VERDICT])
    more = len(texts) - IN_VERDICT
    return shown + (f"; and {more} more below" if more > 0 else "")


def _reasons(rows: pd.DataFrame) -> list[str]:
    counts = rows["reason"].str.split(":").str[0].str[:60].value_counts()
    return [f"{reason}: {count:,}" for reason, count in counts.items()]


def _adjective(kind: str) -> str:
    return {
        "shape": "of an odd shape",
        "size": "of an odd size",
        "small": "smaller than the model's input",
    }.get(kind, kind)


def class_counts(facts: pd.DataFrame, classes: Sequence[str], splits: Sequence[str]) -> pd.DataFrame:
    """Return the number of images, a row a class and a column a split."""
    return pd.DataFrame(
        {
            name: np.bincount(facts.loc[facts["split"] == name, "label"], minlength=len(classes))
            for name in splits
        },
        index=pd.Index(list(classes), dtype="object"),
    )
