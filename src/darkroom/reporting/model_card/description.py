"""The description of the model: its use, its limits, its data, its network, and how to reproduce it."""

from collections.abc import Mapping, Sequence
from typing import Any

from darkroom.reporting.markdown import (
    cell,
    code,
    image,
    percent,
    percent_interval,
    table,
    text,
    tree_rows,
    tree_table,
)
from darkroom.reporting.model_card.inputs import CardInputs

FEW_IMAGES = 30  # from which on a bootstrap draws from enough different images
MOST_NAMES = 100  # of classes in a sentence


def intended_use(meta: Mapping[str, Any]) -> str:
    """Return one sentence on what the model classifies."""
    colour = {1: "grey", 3: "colour"}.get(meta["channels"], f"{meta['channels']}-channel")
    names = _listed(meta["classes"])
    return (
        f"Predicts which of {len(meta['classes'])} classes a {colour} image of "
        f"{meta['width']} by {meta['height']} pixels belongs to: {names}."
    )


def limits(inputs: CardInputs) -> str:
    """Return a list of what the numbers do not cover."""
    metrics = inputs.metrics
    lines = [
        "Every image gets one of these classes, even one that shows none of them.",
        "The numbers hold for images like those of the test set; other cameras, crops or sizes were "
        "not measured" + (", corruptions were (below)." if inputs.corrupted else "."),
        f"The intervals cover the chance in the choice of {metrics['images']:,} test images, "
        "not how much another training run would differ.",
    ]
    if metrics["images"] < FEW_IMAGES:
        lines.append(
            f"{metrics['images']:,} test images are few: the bootstrapped intervals are too narrow, and only "
            "Wilson's hold."
        )
    if inputs.calibration:
        lines.append(
            f"Probabilities are off by {percent(inputs.calibration['error'])} on average on the test set, "
            "and may be off by more on other kinds of images."
        )
    else:
        lines.append(
            "The calibration of the probabilities was not measured: they rank the classes, and guarantee "
            "nothing more."
        )
    lines += _weak_classes(inputs)
    if inputs.source and inputs.source.get("official") is False:
        lines.append(
            "**The data is not the official release**, so the numbers do not compare with published ones "
            "without a check."
        )
    return "\n".join(f"- {line}" for line in [*lines, *inputs.limits])


def data_table(meta: Mapping[str, Any]) -> str:
    """Return the data set's classes, sizes and hashes."""
    rows = [
        ("name", text(meta["name"])),
        ("classes", _listed(meta["classes"])),
        ("image", f"{meta['width']} by {meta['height']} pixels, channels: {meta['channels']}"),
        ("training images", f"{meta['train']:,}"),
        *([("of which corrections", f"{meta['corrections']:,}")] if "corrections" in meta else []),
        ("validation images", f"{meta['validation']:,}"),
        ("test images", f"{meta['test']:,}"),
    ]
    rows += [(text(key), cell(value)) for key, value in meta.items() if "sha256" in key and value]
    return table(("", "value"), rows)


def model_section(inputs: CardInputs) -> list[str]:
    """Return heading and table of the network; nothing where nothing is known of it."""
    rows = []
    if inputs.architecture:
        rows += tree_rows(inputs.architecture)
    if inputs.parameters is not None and not (inputs.architecture and "parameters" in inputs.architecture):
        rows.append(("parameters", f"{inputs.parameters:,}"))
    return ["## Model", table(("", "value"), rows)] if rows else []


def closing_sections(inputs: CardInputs, *, chosen_by: str) -> list[str]:
    """Return the figures, and what the model was made from; trials were compared by `chosen_by`."""
    parts = []
    for caption, link in inputs.images.items():
        parts += [f"### {text(caption)}", image(caption, link)]
    parts += ["## Data", data_table(inputs.meta)]
    if inputs.source:
        parts += ["### Source", tree_table(inputs.source)]
    parts += model_section(inputs)
    if inputs.training:
        parts += ["## Training", tree_table(inputs.training, heads=("parameter", "value"))]
    if inputs.tuned:
        parts += [
            "### Found by the tuner",
            f"Chosen by {chosen_by} on the validation images:",
            tree_table(inputs.tuned, heads=("parameter", "value")),
        ]
    return parts + reproduce_section(inputs)


def reproduce_section(inputs: CardInputs) -> list[str]:
    """Return heading and commands that reproduce the model; nothing without a command."""
    if not inputs.command:
        return []
    lines = [
        f"- command: {code(inputs.command)}",
        "- a registered version: `python -m darkroom lineage VERSION` prints the commit, the environment and "
        "the data it came from; `python -m darkroom reproduce VERSION` builds it again and compares",
    ]
    return ["## Reproduce", "\n".join(lines)]


def _listed(names: Sequence[str]) -> str:
    """Return names as a list, of many the first and how many more there are."""
    shown = ", ".join(text(name) for name in names[:MOST_NAMES])
    return shown + (f" and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else "")


def _weak_classes(inputs: CardInputs) -> list[str]:
    """Return a sentence on the weakest class, and one on the classes without test images."""
    lines, per_class = [], inputs.per_class
    seen = per_class[per_class["support"] > 0]
    if not seen.empty and seen["recall"].min() < 1:
        worst = seen.iloc[int(seen["recall"].argmin())]
        lines.append(
            f"Weakest class: {text(worst['class'])}, of which {percent(worst['recall'])} are recognised "
            f"(95 % interval {percent_interval(worst['recall_low'], worst['recall_high'])})."
        )
    unseen = per_class.loc[per_class["support"] == 0, "class"]
    if len(unseen):
        names = _listed(list(unseen))
        lines.append(f"No test image shows: {names}. Their recall and F1 count as 0 in the averages.")
    return lines
