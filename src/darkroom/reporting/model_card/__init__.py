"""The model card: what the model is, how well it does and where it ends, in one page of Markdown.

The card tells only what it is given. A part that is None or empty is left out, and no sentence claims
more than the pipeline does by construction.
"""

import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

_SPECIAL = {ord(mark): f"\\{mark}" for mark in string.punctuation if mark in "\\`*_{}[]<>#|~$&!"}


@dataclass(frozen=True, kw_only=True)
class CardInputs:
    """What a model card is written from.

    Attributes:
        meta: as in `data/meta.json`: `name`, `classes`, `height`, `width`, `channels`, and the counts
            `train`, `validation` and `test`; `corrections`, `test_sha256` and further hashes where present.
        metrics: as `darkroom.metrics.classification_metrics` returns.
        per_class: as `darkroom.metrics.per_class_table` returns.
        calibration, corrupted, duplicates, label_issues: as the functions `report_...` of
            `darkroom.evaluation` return.
        architecture: what describes the net, as in `models/model_config.json`.
        parameters: how many weights the net has.
        source: as in `data/source.json`: where the data came from. `official: false` is pointed out.
        training: the parameters the model was trained with; may be nested.
        tuned: those of them that the tuner found; may be nested.
        images: caption to relative link of each figure, in the order to show them.
        commit: of the code, in hexadecimal.
        dirty: whether there were changes that the commit lacks; None where nobody looked.
        command: makes the model again.
        environment: versions, device, precision, …
        intended_use: a paragraph of Markdown instead of the general one.
        limits: further limits, one sentence of Markdown each.
    """

    meta: Mapping[str, Any]
    metrics: Mapping[str, Any]
    per_class: pd.DataFrame
    calibration: Mapping[str, Any] | None = None
    corrupted: Mapping[str, Any] | None = None
    duplicates: Mapping[str, Any] | None = None
    label_issues: Mapping[str, int] | None = None
    architecture: Mapping[str, Any] | None = None
    parameters: int | None = None
    source: Mapping[str, Any] | None = None
    training: Mapping[str, Any] | None = None
    tuned: Mapping[str, Any] | None = None
    images: Mapping[str, str] = field(default_factory=dict)
    commit: str | None = None
    dirty: bool | None = None
    command: str | None = None
    environment: Mapping[str, Any] | None = None
    intended_use: str | None = None
    limits: Sequence[str] = ()


def model_card(inputs: CardInputs) -> str:
    """Return the card as Markdown (GitHub's flavour), ending with a line break.

    Raises:
        KeyError: `meta` or `metrics` lacks something that `CardInputs` says it holds.
    """
    meta, metrics = inputs.meta, inputs.metrics
    parts = [
        f"# Model card: {_text(meta['name'])}",
        f"Test accuracy **{_percent(metrics['accuracy'])}** "
        f"(95 % interval {_interval(metrics['accuracy_low'], metrics['accuracy_high'])}) "
        f"on {metrics['images']:,} images in {len(meta['classes'])} classes.",
        "## Intended use",
        inputs.intended_use or _general_use(meta),
        "## Limits",
        _limits(inputs),
        "## Results on the test set",
        _results(metrics),
        "### Per class",
        _per_class(inputs.per_class),
    ]
    if inputs.calibration:
        parts += ["### How far its probabilities can be trusted", _calibration(inputs.calibration)]
    if inputs.corrupted:
        parts += ["### Under corruptions", _corrupted(inputs.corrupted)]
    if inputs.duplicates or inputs.label_issues:
        parts += ["### Checks of the data", _checks(inputs)]
    for caption, link in inputs.images.items():
        parts += [f"### {_text(caption)}", f"![{_text(caption)}](<{_link(link)}>)"]
    parts += ["## Data", _data(meta)]
    if inputs.source:
        parts += ["### Source", _flat_table(inputs.source)]
    parts += _model(inputs)
    if inputs.training:
        parts += ["## Training", _flat_table(inputs.training, heads=("parameter", "value"))]
    if inputs.tuned:
        parts += [
            "### Found by the tuner",
            "Chosen by the accuracy on the validation images:",
            _flat_table(inputs.tuned, heads=("parameter", "value")),
        ]
    parts += _again(inputs)
    if inputs.environment:
        parts += ["## Environment", _flat_table(inputs.environment)]
    return "\n\n".join(parts) + "\n"


def _general_use(meta: Mapping[str, Any]) -> str:
    colour = {1: "grey", 3: "colour"}.get(meta["channels"], f"{meta['channels']}-channel")
    names = ", ".join(_text(name) for name in meta["classes"])
    return (
        f"Tells to which of {len(meta['classes'])} classes a {colour} image of "
        f"{meta['width']} by {meta['height']} pixels belongs: {names}."
    )


def _limits(inputs: CardInputs) -> str:
    table, metrics = inputs.per_class, inputs.metrics
    lines = [
        "Every image gets one of these classes, also one that shows none of them.",
        "The numbers hold for images like those of the test set; other cameras, crops or sizes were "
        "not measured" + (", corruptions were (below)." if inputs.corrupted else "."),
        f"The intervals tell how far chance in the choice of {metrics['images']:,} test images reaches, "
        "not how much another training run would differ.",
    ]
    if inputs.calibration:
        lines.append(
            f"Probabilities are off by {_percent(inputs.calibration['error'])} on average on the test set, "
            "and may be off by more on images of another kind."
        )
    else:
        lines.append(
            "Whether a probability is as reliable as it says was not measured: "
            "it ranks, it guarantees nothing."
        )
    seen = table[table["support"] > 0]
    if not seen.empty and seen["recall"].min() < 1:
        worst = seen.iloc[int(seen["recall"].argmin())]
        lines.append(
            f"Weakest class: {_text(worst['class'])}, of which {_percent(worst['recall'])} are recognised "
            f"(95 % interval {_interval(worst['recall_low'], worst['recall_high'])})."
        )
    unseen = table.loc[table["support"] == 0, "class"]
    if len(unseen):
        names = ", ".join(_text(name) for name in unseen)
        lines.append(f"No test image shows: {names}. Their recall and F1 count as 0 in the averages.")
    if inputs.source and inputs.source.get("official") is False:
        lines.append(
            "**The data is not the official release**, so the numbers do not compare with published ones "
            "without a check."
        )
    return "\n".join(f"- {line}" for line in [*lines, *inputs.limits])


def _results(metrics: Mapping[str, Any]) -> str:
    rows = [
        (
            "accuracy",
            f"{_percent(metrics['accuracy'])} "
            f"({_interval(metrics['accuracy_low'], metrics['accuracy_high'])}, 95 % Wilson)",
        )
    ]
    for key, value in metrics.items():
        if key.startswith("top_") and key.endswith("_accuracy"):
            text = (
                f"{_percent(value)} ({_interval(metrics[key + '_low'], metrics[key + '_high'])}, 95 % Wilson)"
            )
            rows.append((f"class among the first {key[4:-9]}", text))
    loss = f"{metrics['loss']:.4f} ({metrics['loss_low']:.4f} to {metrics['loss_high']:.4f}, 95 % bootstrap)"
    rows.append(("loss (cross-entropy)", loss))
    rows.append(("images", f"{metrics['images']:,}"))
    averages = [
        [
            name,
            *(_percent(metrics[average][key]) for key in ("precision", "recall")),
            f"{_percent(metrics[average]['f1'])} "
            f"({_interval(metrics[average]['f1_low'], metrics[average]['f1_high'])})",
        ]
        for average, name in (("macro", "every class alike"), ("weighted", "by its images"))
        if average in metrics
    ]
    table = _table(("", "value"), rows)
    if averages:
        table += "\n\n" + _table(
            ("average over the classes", "precision", "recall", "F1 (95 % bootstrap)"), averages
        )
    return table


def _per_class(table: pd.DataFrame) -> str:
    rows = [
        (
            _text(row["class"]),
            _percent(row["precision"]),
            f"{_percent(row['recall'])} ({_interval(row['recall_low'], row['recall_high'])})"
            if row["support"]
            else "no images",
            _percent(row["f1"]),
            f"{row['support']:,}",
        )
        for row in table.to_dict("records")
    ]
    return _table(("class", "precision", "recall (95 % interval)", "F1", "images"), rows)


def _calibration(calibration: Mapping[str, Any]) -> str:
    rows = [
        (
            "expected calibration error",
            f"{_percent(calibration['error'])} "
            f"({_interval(calibration['error_low'], calibration['error_high'])}, 95 % bootstrap)",
        ),
    ]
    if not calibration["held_out"]:
        return _table(("", "value"), rows) + (
            "\n\nNo temperature and no confidence threshold were fitted: the validation images were "
            "trained on, and no others were held out."
        )
    rows += [
        ("before the temperature", _percent(calibration["error_before"])),
        ("temperature, fitted on validation images", f"{calibration['temperature']:.3f}"),
    ]
    confident = calibration.get("confident")
    if confident is None:
        return _table(("", "value"), rows) + "\n\nNo confidence threshold was found."
    rows += [
        ("an answer is confident from a probability of", _percent(confident["from"])),
        ("confident answers", _percent(confident["coverage"])),
        ("asked for, of which right", f"{_percent(confident['asked'])} of the validation images"),
        (
            "of which right",
            f"{_percent(confident['accuracy'])} "
            f"({_interval(confident['accuracy_low'], confident['accuracy_high'])}, 95 % Wilson)",
        ),
    ]
    return _table(("", "value"), rows)


def _corrupted(corrupted: Mapping[str, Any]) -> str:
    known = ("accuracy", "accuracy_low", "accuracy_high", "images", "clean")
    rows = [
        ("none: the same images as they are", _percent(corrupted["clean"])),
        (
            "mean of all",
            f"{_percent(corrupted['accuracy'])} "
            f"({_interval(corrupted['accuracy_low'], corrupted['accuracy_high'])}, 95 % bootstrap)",
        ),
    ]
    rows += [(_text(name), _percent(value)) for name, value in corrupted.items() if name not in known]
    return (
        f"Accuracy on {corrupted['images']:,} test images, the mean over five strengths each:"
        "\n\n" + _table(("corruption", "accuracy"), rows)
    )


def _checks(inputs: CardInputs) -> str:
    lines = []
    if inputs.duplicates:
        line = f"- {inputs.duplicates['found']:,} test images closely resemble a training or validation one"
        without = inputs.duplicates.get("without")
        if inputs.duplicates["found"] and without:
            line += (
                f"; accuracy without them {_percent(without['accuracy'])} "
                f"({_interval(without['accuracy_low'], without['accuracy_high'])}, 95 % Wilson)"
            )
        lines.append(line + ".")
    for part, count in (inputs.label_issues or {}).items():
        lines.append(f"- {count:,} labels of {_text(part)} images look wrong by confident learning.")
    return "\n".join(lines)


def _data(meta: Mapping[str, Any]) -> str:
    rows = [
        ("name", _text(meta["name"])),
        ("classes", ", ".join(_text(name) for name in meta["classes"])),
        ("image", f"{meta['width']} by {meta['height']} pixels, channels: {meta['channels']}"),
        ("training images", f"{meta['train']:,}"),
        *([("of which corrections", f"{meta['corrections']:,}")] if "corrections" in meta else []),
        ("validation images", f"{meta['validation']:,}"),
        ("test images", f"{meta['test']:,}"),
    ]
    rows += [(_text(key), _value(value)) for key, value in meta.items() if "sha256" in key and value]
    return _table(("", "value"), rows)


def _model(inputs: CardInputs) -> list[str]:
    rows = []
    if inputs.architecture:
        rows += _flat(inputs.architecture)
    if inputs.parameters is not None and not (inputs.architecture and "parameters" in inputs.architecture):
        rows.append(("parameters", f"{inputs.parameters:,}"))
    return ["## Model", _table(("", "value"), rows)] if rows else []


def _again(inputs: CardInputs) -> list[str]:
    lines = []
    if inputs.commit:
        lines.append(f"- code: commit {_code(inputs.commit)}")
        if inputs.dirty:
            lines[-1] += ", **with changes that are not in it**"
    if inputs.command:
        lines.append(f"- command: {_code(inputs.command)}")
    if inputs.commit:
        lines.append(
            "- a registered version: `python -m darkroom lineage VERSION` tells all it came from, "
            "`python -m darkroom reproduce VERSION` makes it again and compares"
        )
    return ["## Make it again", "\n".join(lines)] if lines else []


def _flat_table(values: Mapping[str, Any], heads: tuple[str, str] = ("", "value")) -> str:
    return _table(heads, _flat(values))


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return a row a leaf of nested values, named by its path with dots; None is left out."""
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{key}.")
        elif value is not None:
            rows.append((_text(f"{prefix}{key}"), _value(value)))
    return rows


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table of cells that are Markdown already."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _value(value: Any) -> str:
    """Return a value as Markdown for a cell; numbers keep every digit."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return _code(value) if len(value) >= 32 and set(value) <= set(string.hexdigits) else _text(value)
    if isinstance(value, Iterable):
        return ", ".join(_value(part) for part in value)
    return _text(value)


def _text(value: object) -> str:
    """Return `value` in one line that Markdown shows as it is, in a table too."""
    return " ".join(str(value).split()).translate(_SPECIAL)


def _code(text: str) -> str:
    """Return `text` as code, or as plain text where a backtick or pipe would break it."""
    text = " ".join(text.split())
    return _text(text) if set(text) & {"`", "|"} else f"`{text}`"


def _link(link: str) -> str:
    """Return `link` fit to stand between < and >."""
    return link.replace("\\", "/").replace("<", "%3C").replace(">", "%3E").replace("\n", "%0A")


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _interval(low: float, high: float) -> str:
    return f"{100 * low:.2f} to {100 * high:.2f} %"
