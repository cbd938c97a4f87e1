"""The model card shows every number it is given and nothing else."""

import re
from typing import Any

import numpy as np
import pytest

from darkroom.evaluation.headline import classification_metrics
from darkroom.evaluation.per_class import per_class_table
from darkroom.reporting.model_card.card import model_card
from darkroom.reporting.model_card.inputs import CardInputs
from tests.helpers.evaluation import LABELS, PROBABILITIES

CLASSES = ["cat", "a|b_c", "<ship>"]
HASH = "0123456789abcdef" * 4


def _needed() -> dict[str, Any]:
    return {
        "meta": {
            "name": "three_things",
            "classes": CLASSES,
            "height": 24,
            "width": 32,
            "channels": 3,
            "mean": [0.5, 0.5, 0.5],
            "std": [0.2, 0.2, 0.2],
            "train": 45000,
            "validation": 5000,
            "test": 6,
            "test_sha256": HASH,
        },
        "metrics": classification_metrics(PROBABILITIES, LABELS, classes=CLASSES, top_k=2, resamples=20),
        "per_class": per_class_table(PROBABILITIES, LABELS, classes=CLASSES),
    }


def _full() -> dict[str, Any]:
    return {
        **_needed(),
        "architecture": {"architecture": "fast", "widths": [64, 256, 256], "views": 6},
        "parameters": 1973448,
        "source": {"url": "file_a.tar.gz", "official": False, "sha256": HASH[::-1]},
        "training": {"train": {"epochs": 10, "weight_decay": 2e-6, "optimizer": "muon"}, "seed": 0},
        "tuned": {"train": {"learning_rate": 0.123456789}},
        "images": {"Confusion matrix": "confusion.png", "Most confident": "my misclassified.png"},
        "command": "dvc repro",
        "limits": ["Knows no night."],
    }


def _evidence() -> dict[str, Any]:
    return {
        "calibration": {
            "temperature": 1.234,
            "held_out": True,
            "fitted": True,
            "error": 0.0111,
            "error_low": 0.0102,
            "error_high": 0.0133,
            "error_before": 0.0444,
            "confident": {
                "from": 0.7155,
                "target": 0.985,
                "coverage": 0.8877,
                "images": 5,
                "accuracy": 0.9766,
                "accuracy_low": 0.9655,
                "accuracy_high": 0.9833,
            },
        },
        "corrupted": {
            "clean": 0.8181,
            "accuracy": 0.6543,
            "accuracy_low": 0.6432,
            "accuracy_high": 0.6654,
            "images": 500,
            "noise": 0.5151,
            "fog": 0.7171,
        },
        "duplicates": {
            "found": 3456,
            "without": {
                "images": 9,
                "accuracy": 0.9191,
                "accuracy_low": 0.9090,
                "accuracy_high": 0.9292,
            },
        },
        "label_issues": {"test": 37, "validation": 19},
    }


def _rows(card: str) -> list[list[str]]:
    """Return the cells of every table row, split as Markdown does: at pipes without a backslash."""
    lines = [line for line in card.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_every_number_is_shown() -> None:
    inputs = _full()
    card = model_card(CardInputs(**inputs))
    metrics = inputs["metrics"]
    shares = [metrics[key] for key in ("accuracy", "accuracy_low", "accuracy_high", "top_2_accuracy")]
    shares += [*metrics["macro"].values(), *metrics["weighted"].values()]
    for name in ("precision", "recall", "f1", "recall_low", "recall_high"):
        shares += inputs["per_class"][name].tolist()
    for share in shares:
        assert f"{100 * share:.2f}" in card
    assert f"{metrics['loss']:.4f}" in card
    for shown in (
        "66.67 %", "45,000", "5,000", "32 by 24", HASH, HASH[::-1], "1,973,448", "64, 256, 256", "2e-06",
        "0.123456789", "muon", "`dvc repro`", "python -m darkroom lineage VERSION",
        "![Confusion matrix](<confusion.png>)", "(<my misclassified.png>)",
        "Knows no night.",
        "not the official release",
    ):  # fmt: skip
        assert shown in card
    assert ["train.weight\\_decay", "2e-06"] in _rows(card)
    assert ["official", "no"] in _rows(card)
    assert ["seed", "0"] in _rows(card)
    assert ["test images", "6"] in _rows(card)


def test_rows_of_the_class_table() -> None:
    rows = _rows(model_card(CardInputs(**_needed())))
    per_class = [row for row in rows if len(row) == 5]
    assert per_class[0][:2] == ["class", "precision"]
    assert [row[0] for row in per_class[2:]] == ["cat", "a\\|b\\_c", "\\<ship\\>"]
    assert per_class[2][1] == "66.67 %"
    assert per_class[2][4] == "3"


def test_the_evidence_is_shown() -> None:
    card = model_card(CardInputs(**_full(), **_evidence()))
    for shown in (
        "1.11 % (1.02 to 1.33 %, 95 % bootstrap)", "4.44 %", "1.234", "71.55 %", "88.77 %", "98.50 %",
        "81.81 %",
        "97.66 % (96.55 to 98.33 %, 95 % Wilson)",
        "65.43 % (64.32 to 66.54 %, 95 % bootstrap)", "51.51 %", "71.71 %", "500 test images",
        "3,456 test images", "91.91 % (90.90 to 92.92 %, 95 % Wilson)",
        "37 labels of test images", "19 labels of validation images",
        "off by 1.11 % on average",
    ):  # fmt: skip
        assert shown in card
    assert "was not measured" not in card
    assert ["fog", "71.71 %"] in _rows(card)


def test_a_cross_validation_is_shown_where_there_is_one() -> None:
    folds: dict[str, float] = {"folds": 5, "images": 240, "units": 187}
    for name, share in (("accuracy", 0.9123), ("balanced_accuracy", 0.8888)):
        folds |= {name: share, f"{name}_low": share - 0.05, f"{name}_high": share + 0.03}
        folds |= {f"{name}_mean": share + 0.001, f"{name}_deviation": 0.0234}
    card = model_card(CardInputs(**_needed(), folds=folds))
    assert "### Cross-validated\n\n240 training and validation images (187 units" in card
    assert ["accuracy", "91.23 % (86.23 to 94.23 %, 95 % over units)", "91.33 %, 2.34 %"] in _rows(card)
    assert ["balanced accuracy", "88.88 % (83.88 to 91.88 %, 95 % over units)", "88.98 %, 2.34 %"] in _rows(
        card
    )
    for none in (None, {"folds": 0}):
        assert "Cross-validated" not in model_card(CardInputs(**_needed(), folds=none))


def test_no_confident_predictions_and_no_duplicates_are_stated() -> None:
    evidence = _evidence()
    del evidence["calibration"]["confident"]
    evidence["duplicates"] = {"found": 0, "without": evidence["duplicates"]["without"]}
    card = model_card(CardInputs(**_needed(), **evidence))
    assert "No confidence threshold was found" in card
    assert "0 test images closely resemble a training or validation image." in card


def test_a_final_fit_claims_nothing_of_validation_images() -> None:
    evidence = _evidence()
    del evidence["calibration"]["confident"]
    evidence["calibration"] |= {"held_out": False, "temperature": 1.0}
    card = model_card(CardInputs(**_needed(), **evidence))
    assert "the validation images were trained on" in card
    assert "1.11 % (1.02 to 1.33 %, 95 % bootstrap)" in card
    assert "fitted on validation images" not in card
    assert "before the temperature" not in card


def test_what_was_not_fitted_on_few_validation_images_is_told() -> None:
    evidence = _evidence()
    del evidence["calibration"]["confident"]
    evidence["calibration"] |= {"fitted": False, "temperature": 1.0}
    card = model_card(CardInputs(**_needed(), **evidence))
    assert "were fitted: there are fewer than 30 validation images" in card
    assert "before the temperature" not in card


def test_missing_parts_are_left_out() -> None:
    card = model_card(CardInputs(**_needed()))
    for absent in (
        "None", "nan", "## Model\n", "## Training", "tuner", "## Reproduce", "### Source",
        "![", "official",
    ):  # fmt: skip
        assert absent not in card
    for heading in (
        "# Model card: three\\_things",
        "## Intended use",
        "## Limits",
        "## Data",
        "### Per class",
    ):
        assert heading in card


@pytest.mark.parametrize(
    ("option", "heading"),
    [
        ("architecture", "## Model\n"),
        ("training", "## Training"),
        ("tuned", "### Found by the tuner"),
        ("source", "### Source"),
        ("images", "!["),
        ("command", "## Reproduce"),
        ("parameters", "1,973,448"),
    ],
)
def test_each_part_can_stand_alone(option: str, heading: str) -> None:
    card = model_card(CardInputs(**_needed(), **{option: _full()[option]}))
    assert heading in card
    assert "None" not in card
    empty = type(_full()[option])()
    if not isinstance(empty, int):
        assert heading not in model_card(CardInputs(**_needed(), **{option: empty}))


def test_official_data_is_not_warned_about() -> None:
    card = model_card(CardInputs(**{**_full(), "source": {"official": True}}))
    assert ["official", "yes"] in _rows(card)
    assert "not the official" not in card


def test_names_break_neither_tables_nor_lines() -> None:
    inputs = _full()
    inputs["meta"]["classes"] = ["one\ntwo", "a|b\\|c", "# head"]
    inputs["per_class"]["class"] = inputs["meta"]["classes"]
    inputs["source"] = {"url|x": "a`b|c\n\n# not a heading"}
    inputs["command"] = "`rm`|x"
    card = model_card(CardInputs(**inputs))
    assert "one two" in card
    assert not re.search(r"^# (?!Model card)", card, flags=re.MULTILINE)
    for table in re.findall(r"(?:^\|.*\n)+", card, flags=re.MULTILINE):
        assert len({len(row) for row in _rows(table.replace("\\\\", ""))}) == 1


def test_class_without_test_images_is_named_as_a_limit() -> None:
    inputs = _needed()
    labels = np.array([0, 0, 0, 1, 1, 1])
    inputs["per_class"] = per_class_table(PROBABILITIES, labels, classes=CLASSES)
    card = model_card(CardInputs(**inputs))
    assert "No test image shows: \\<ship\\>." in card
    assert "no images" in card


def test_the_weakest_class_is_named() -> None:
    assert "Weakest class: a\\|b\\_c, of which 50.00 %" in model_card(CardInputs(**_needed()))


def test_a_missing_number_is_an_error() -> None:
    inputs = _needed()
    del inputs["metrics"]["accuracy_low"]
    with pytest.raises(KeyError, match="accuracy_low"):
        model_card(CardInputs(**inputs))


def test_a_metric_that_was_added_has_a_row() -> None:
    inputs = _needed()
    inputs["metrics"] |= {"brier_score": 0.1234, "brier_score_low": 0.1111, "brier_score_high": 0.1456}
    inputs["metrics"]["macro"]["specificity"] = 0.9876
    rows = _rows(model_card(CardInputs(**inputs)))
    assert ["brier score", "0.1234 (0.1111 to 0.1456, 95 % interval)"] in rows
    assert ["macro.specificity", "0.9876"] in rows
