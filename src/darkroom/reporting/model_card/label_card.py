"""The model card of several labels."""

from darkroom.reporting.markdown import percent, percent_interval, table, text
from darkroom.reporting.model_card.description import closing_sections
from darkroom.reporting.model_card.inputs import CardInputs

FIGURES = {
    "average_precision": "mAP: mean of the labels' average precisions",
    "micro_average_precision": "average precision of all decisions together",
    "macro_f1": "macro F1: mean of the labels' F1",
    "of1": "micro F1 (OF1): of all decisions together",
    "op": "precision of all decisions (OP)",
    "or": "recall of all decisions (OR)",
    "cp": "mean precision of the labels (CP)",
    "cr": "mean recall of the labels (CR)",
    "image_f1": "F1 of an image's set, mean",
    "image_f2": "F2 of an image's set, mean",
    "accuracy": "exact match: images whose labels are all right",
    "hamming_loss": "Hamming loss: answers that are wrong",
    "ranking_loss": "ranking loss",
    "one_error": "one-error",
    "label_ranking": "label-ranking average precision",
}


def label_card(inputs: CardInputs) -> str:
    """Return the card of a model that gives several labels as Markdown, ending with a line break."""
    meta, metrics = inputs.meta, inputs.metrics
    classes = ", ".join(text(name) for name in meta["classes"])
    interval = percent_interval(metrics["average_precision_low"], metrics["average_precision_high"])
    parts = [
        f"# Model card: {text(meta['name'])}",
        f"Mean average precision (mAP) **{percent(metrics['average_precision'])}** (95 % interval "
        f"{interval}) "
        f"on {metrics['images']:,} test images with {len(meta['classes'])} labels, of which an image may "
        "have several.",
        "## Intended use",
        inputs.intended_use
        or f"Says of an image of {meta['width']} by {meta['height']} pixels which of {len(meta['classes'])} "
        f"labels it has, none included: {classes}.",
        "## Limits",
        "\n".join(
            f"- {line}"
            for line in (
                "The numbers hold for images like those of the test set; other cameras, crops or sizes were "
                "not measured.",
                f"The intervals cover the chance in the choice of {metrics['images']:,} test images, not "
                "how much another training run would differ.",
                "Each label is decided by a threshold of its own.",
                *inputs.limits,
            )
        ),
        "## Results on the test set",
        table(("", "value (95 % bootstrap over the images)"), [_row(inputs, name) for name in FIGURES]),
        "### Per label",
        _labels(inputs),
    ]
    if inputs.calibration:
        parts += [
            "### Calibration",
            f"Expected calibration error of all answers {percent(inputs.calibration['error'])}, before "
            f"slope and offset of each label {percent(inputs.calibration['error_before'])}.",
        ]
    parts += closing_sections(inputs, chosen_by="the mAP")
    return "\n\n".join(parts) + "\n"


def _row(inputs: CardInputs, name: str) -> tuple[str, str]:
    metrics = inputs.metrics
    value = percent(metrics[name])
    if f"{name}_low" in metrics:
        value += f" ({percent_interval(metrics[f'{name}_low'], metrics[f'{name}_high'])})"
    return FIGURES[name], value


def _labels(inputs: CardInputs) -> str:
    rows = [
        (
            text(row["class"]),
            percent(row["average_precision"]) if row["support"] else "no images",
            percent(row["precision"]),
            f"{percent(row['recall'])} ({percent_interval(row['recall_low'], row['recall_high'])})",
            percent(row["f1"]),
            f"{row['threshold']:.2f}",
            f"{row['support']:,}",
        )
        for row in inputs.per_class.to_dict("records")
    ]
    heads = ("label", "average precision", "precision", "recall (95 % Wilson)", "F1", "threshold", "images")
    return table(heads, rows)
