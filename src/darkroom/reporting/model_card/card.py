"""The model card in the order of its sections.

The card states only what it is given. A part that is None or empty is left out, and no sentence claims
more than the pipeline guarantees.
"""

from pathlib import Path

from darkroom.files import write_text
from darkroom.reporting.card_page import card_page
from darkroom.reporting.markdown import image, percent, percent_interval, text, tree_table
from darkroom.reporting.model_card.description import (
    data_table,
    intended_use,
    limits,
    model_section,
    reproduce_section,
)
from darkroom.reporting.model_card.evidence import calibration_table, corruptions_table, data_checks
from darkroom.reporting.model_card.inputs import CardInputs
from darkroom.reporting.model_card.label_card import label_card
from darkroom.reporting.model_card.results import class_table, cross_validation, results_table


def model_card(inputs: CardInputs) -> str:
    """Return the card as Markdown (GitHub's flavour), ending with a line break.

    Raises:
        KeyError: `meta` or `metrics` lacks a key that `CardInputs` describes.
    """
    meta, metrics = inputs.meta, inputs.metrics
    parts = [
        f"# Model card: {text(meta['name'])}",
        f"Test accuracy **{percent(metrics['accuracy'])}** "
        f"(95 % interval {percent_interval(metrics['accuracy_low'], metrics['accuracy_high'])}) "
        f"on {metrics['images']:,} images in {len(meta['classes'])} classes.",
        "## Intended use",
        inputs.intended_use or intended_use(meta),
        "## Limits",
        limits(inputs),
        "## Results on the test set",
        results_table(metrics),
    ]
    if inputs.folds and inputs.folds["folds"]:
        parts += ["### Cross-validated", cross_validation(inputs.folds)]
    parts += ["### Per class", class_table(inputs.per_class)]
    if inputs.calibration:
        parts += ["### Calibration", calibration_table(inputs.calibration)]
    if inputs.corrupted:
        parts += ["### Under corruptions", corruptions_table(inputs.corrupted)]
    if inputs.duplicates or inputs.label_issues:
        parts += ["### Checks of the data", data_checks(inputs.duplicates, inputs.label_issues)]
    for caption, link in inputs.images.items():
        parts += [f"### {text(caption)}", image(caption, link)]
    parts += ["## Data", data_table(meta)]
    if inputs.source:
        parts += ["### Source", tree_table(inputs.source)]
    parts += model_section(inputs)
    if inputs.training:
        parts += ["## Training", tree_table(inputs.training, heads=("parameter", "value"))]
    if inputs.tuned:
        parts += [
            "### Found by the tuner",
            "Chosen by the accuracy on the validation images:",
            tree_table(inputs.tuned, heads=("parameter", "value")),
        ]
    parts += reproduce_section(inputs)
    return "\n\n".join(parts) + "\n"


def write_card(folder: Path, inputs: CardInputs) -> None:
    """Write model_card.md, and model_card.html with the figures of `folder` in it."""
    card = label_card(inputs) if inputs.meta.get("labels") == "several" else model_card(inputs)
    write_text(folder / "model_card.md", card)
    page = card_page(card, folder=folder, title=f"Model card: {inputs.meta['name']}")
    write_text(folder / "model_card.html", page)
