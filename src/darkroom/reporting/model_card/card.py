"""The model card in the order of its sections.

The card states only what it is given. A part that is None or empty is left out, and no sentence claims
more than the pipeline guarantees.
"""

from pathlib import Path

from darkroom.files import write_text
from darkroom.reporting.card_page import card_page
from darkroom.reporting.markdown import percent, percent_interval, text
from darkroom.reporting.model_card.description import (
    closing_sections,
    intended_use,
    limits,
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
    parts += closing_sections(inputs, chosen_by="the accuracy")
    return "\n\n".join(parts) + "\n"


def write_card(folder: Path, inputs: CardInputs) -> None:
    """Write model_card.md, and model_card.html with the figures of `folder` in it."""
    card = label_card(inputs) if inputs.meta.get("labels") == "several" else model_card(inputs)
    write_text(folder / "model_card.md", card)
    page = card_page(card, folder=folder, title=f"Model card: {inputs.meta['name']}")
    write_text(folder / "model_card.html", page)
