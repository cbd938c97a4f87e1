"""The evidence beyond the headline: calibration, corruptions, and checks of the data."""

from collections.abc import Mapping
from typing import Any

from darkroom.evaluation.calibration_fit import FEWEST_IMAGES
from darkroom.reporting.markdown import percent, percent_interval, table, text


def calibration_table(calibration: Mapping[str, Any]) -> str:
    """Return the calibration error and what the confidence threshold achieves."""
    rows = [
        (
            "expected calibration error",
            f"{percent(calibration['error'])} "
            f"({percent_interval(calibration['error_low'], calibration['error_high'])}, 95 % bootstrap)",
        ),
    ]
    if not calibration["held_out"]:
        return table(("", "value"), rows) + (
            "\n\nNo temperature and no confidence threshold were fitted: the validation images were "
            "trained on, and no others were held out."
        )
    if not calibration["fitted"]:
        return table(("", "value"), rows) + (
            f"\n\nNo temperature and no confidence threshold were fitted: there are fewer than "
            f"{FEWEST_IMAGES} validation images."
        )
    rows += [
        ("before the temperature", percent(calibration["error_before"])),
        ("temperature, fitted on validation images", f"{calibration['temperature']:.3f}"),
    ]
    confident = calibration.get("confident")
    if confident is None:
        return table(("", "value"), rows) + "\n\nNo confidence threshold was found."
    rows += [
        ("a prediction is confident from a probability of", percent(confident["from"])),
        ("target: correct confident predictions", f"{percent(confident['target'])} of the validation images"),
        ("confident predictions", percent(confident["coverage"])),
        (
            "of which correct",
            f"{percent(confident['accuracy'])} "
            f"({percent_interval(confident['accuracy_low'], confident['accuracy_high'])}, 95 % Wilson)",
        ),
    ]
    return table(("", "value"), rows)


def corruptions_table(corrupted: Mapping[str, Any]) -> str:
    """Return the accuracy under each corruption, beside that on the same images as they are."""
    known = ("accuracy", "accuracy_low", "accuracy_high", "images", "clean")
    rows = [
        ("none: the same images as they are", percent(corrupted["clean"])),
        (
            "mean of all",
            f"{percent(corrupted['accuracy'])} "
            f"({percent_interval(corrupted['accuracy_low'], corrupted['accuracy_high'])}, 95 % bootstrap)",
        ),
    ]
    rows += [(text(name), percent(value)) for name, value in corrupted.items() if name not in known]
    return f"Accuracy on {corrupted['images']:,} test images, the mean over five strengths each:\n\n" + table(
        ("corruption", "accuracy"), rows
    )


def data_checks(duplicates: Mapping[str, Any] | None, label_issues: Mapping[str, int] | None) -> str:
    """Return a list of what was found in the data: near-duplicates and labels that look wrong."""
    lines = []
    if duplicates:
        line = f"- {duplicates['found']:,} test images closely resemble a training or validation image"
        without = duplicates.get("without")
        if duplicates["found"] and without:
            line += (
                f"; accuracy without them {percent(without['accuracy'])} "
                f"({percent_interval(without['accuracy_low'], without['accuracy_high'])}, 95 % Wilson)"
            )
        lines.append(line + ".")
    for part, count in (label_issues or {}).items():
        lines.append(f"- {count:,} labels of {text(part)} images look wrong by confident learning.")
    return "\n".join(lines)
