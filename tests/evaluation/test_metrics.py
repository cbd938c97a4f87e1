"""The numbers of an evaluation, against values worked out by hand."""

import json
import math
import warnings

import numpy as np
import pytest
from numpy.typing import NDArray

from darkroom.evaluation.metrics import (
    bootstrap_interval,
    classification_metrics,
    confusion_matrix,
    confusion_table,
    per_class_table,
    wilson_interval,
    worst_misclassified,
)

CLASSES = ["cat", "dog", "ship"]
# Predicted: cat cat dog dog ship cat. So cat: 3 predicted, 2 right of 3; dog: 2 predicted, 1 right of 2;
# ship: 1 predicted, 1 right of 1.
PROBABILITIES = np.array(
    [
        [0.7, 0.2, 0.1],
        [0.5, 0.4, 0.1],
        [0.3, 0.6, 0.1],
        [0.1, 0.8, 0.1],
        [0.0, 0.1, 0.9],
        [0.6, 0.1, 0.3],
    ],
    dtype=np.float32,
)
LABELS = np.array([0, 0, 0, 1, 2, 1], dtype=np.int64)


@pytest.fixture(autouse=True)
def _no_warnings() -> None:
    warnings.simplefilter("error")  # pytest puts the filters back after each test


def test_wilson_known_values() -> None:
    # Newcombe 1998 (Statistics in Medicine 17), table I, method 3.
    for successes, trials, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]:
        assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=5e-5)


def test_wilson_by_its_formula() -> None:
    n, p, z = 100, 0.9, 1.6448536269514722  # the 95th percentile of the normal distribution
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    expected = ((middle - half) / scale, (middle + half) / scale)
    assert wilson_interval(90, 100, 0.9) == pytest.approx(expected, abs=1e-12)


def test_wilson_of_nothing_is_everything() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((5, 4), "0 to 4.*5"), ((-1, 4), "-1"), ((1, 4, 1.0), r"1\.0"), ((1, 4, 95), "95")],
)
def test_wilson_refuses(arguments: tuple[int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wilson_interval(*arguments)


def test_headline_numbers_by_hand() -> None:
    found = classification_metrics(PROBABILITIES, LABELS, classes=CLASSES, top_k=2)
    assert found["images"] == 6
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert (found["accuracy_low"], found["accuracy_high"]) == wilson_interval(4, 6)
    own = [0.7, 0.5, 0.3, 0.8, 0.9, 0.1]  # what each true class got
    assert found["loss"] == pytest.approx(-sum(map(math.log, own)) / 6, rel=1e-6)
    # The last image has its class third, all others first or second.
    assert found["top_2_accuracy"] == pytest.approx(5 / 6)
    # F1 = 2 right / (predicted + actual): cat 4/6, dog 2/4, ship 2/2.
    by_hand = {
        "precision": (2 / 3 + 1 / 2 + 1) / 3,
        "recall": (2 / 3 + 1 / 2 + 1) / 3,
        "f1": (4 / 6 + 2 / 4 + 1) / 3,
    }
    assert {key: found["macro"][key] for key in by_hand} == pytest.approx(by_hand)
    assert found["weighted"]["f1"] == pytest.approx((3 * 4 / 6 + 2 * 2 / 4 + 1) / 6)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_top_k_is_capped_and_keeps_its_name() -> None:
    found = classification_metrics(PROBABILITIES, LABELS, classes=CLASSES, top_k=5)
    assert found["top_5_accuracy"] == 1.0
    with pytest.raises(ValueError, match=r"top_k.*0"):
        classification_metrics(PROBABILITIES, LABELS, classes=CLASSES, top_k=0)


def test_ties_go_to_the_first_class_in_top_k_as_in_accuracy() -> None:
    even = np.full((3, 3), 1 / 3, dtype=np.float32)
    labels = np.array([0, 1, 2])
    for top_k, expected in ((1, 1 / 3), (2, 2 / 3), (3, 1.0)):
        found = classification_metrics(even, labels, classes=CLASSES, top_k=top_k)
        assert found[f"top_{top_k}_accuracy"] == pytest.approx(expected)
        assert found["accuracy"] == pytest.approx(1 / 3)


def test_probability_zero_gives_a_finite_loss() -> None:
    confident = np.array([[1.0, 0.0]], dtype=np.float32)
    found = classification_metrics(confident, np.array([1]), classes=["a", "b"], top_k=1)
    assert 80 < found["loss"] < 100


def test_a_class_without_images_or_predictions() -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]], dtype=np.float32)
    labels = np.array([0, 0])  # dog is predicted but not there, ship neither
    found = classification_metrics(probabilities, labels, classes=CLASSES, top_k=1)
    assert found["macro"]["precision"] == pytest.approx(1 / 3)
    assert found["macro"]["recall"] == pytest.approx(1 / 6)
    table = per_class_table(probabilities, labels, classes=CLASSES).set_index("class")
    assert list(table.loc["ship", ["precision", "recall", "f1", "support"]]) == [0, 0, 0, 0]
    assert list(table.loc["ship", ["recall_low", "recall_high"]]) == [0, 1]


def test_per_class_table_by_hand() -> None:
    table = per_class_table(PROBABILITIES, LABELS, classes=CLASSES)
    assert list(table.columns) == [
        "class", "precision", "recall", "f1", "support", "recall_low", "recall_high",
    ]  # fmt: skip
    assert table["class"].tolist() == CLASSES
    assert table["precision"].tolist() == pytest.approx([2 / 3, 1 / 2, 1])
    assert table["recall"].tolist() == pytest.approx([2 / 3, 1 / 2, 1])
    assert table["f1"].tolist() == pytest.approx([2 / 3, 1 / 2, 1])
    assert table["support"].tolist() == [3, 2, 1]
    assert (table["recall_low"][0], table["recall_high"][0]) == wilson_interval(2, 3)


def test_confusion_table_has_a_row_an_image() -> None:
    table = confusion_table(PROBABILITIES, LABELS, classes=CLASSES)
    assert list(table.columns) == ["actual", "predicted"]
    assert table.to_numpy().tolist() == [
        ["cat", "cat"], ["cat", "cat"], ["cat", "dog"], ["dog", "dog"], ["ship", "ship"], ["dog", "cat"],
    ]  # fmt: skip


def test_worst_mistakes_most_confident_first_then_in_order() -> None:
    probabilities = np.array(
        [[0.6, 0.4], [0.9, 0.1], [0.75, 0.25], [0.1, 0.9], [0.75, 0.25]], dtype=np.float32
    )
    labels = np.array([1, 0, 1, 0, 1])
    worst = worst_misclassified(probabilities, labels, count=10)
    assert worst.dtype == np.int64
    assert worst.tolist() == [3, 2, 4, 0]
    assert worst_misclassified(probabilities, labels, count=2).tolist() == [3, 2]
    assert worst_misclassified(probabilities, labels, count=0).tolist() == []
    with pytest.raises(ValueError, match="-1"):
        worst_misclassified(probabilities, labels, count=-1)


def test_worst_mistakes_of_a_perfect_model() -> None:
    assert worst_misclassified(np.eye(3, dtype=np.float32), np.arange(3), count=5).tolist() == []


def _with(row: int, values: list[float]) -> NDArray[np.float32]:
    changed = PROBABILITIES.copy()
    changed[row] = values
    return changed


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        (_with(2, [-0.1, 0.6, 0.5]), LABELS, r"row 2 .*-0\.1"),
        (_with(3, [math.nan, 0.5, 0.5]), LABELS, "row 3 .*nan"),
        (_with(3, [math.inf, 0.0, 0.0]), LABELS, "row 3 .*inf"),
        (_with(1, [0.5, 0.4, 0.2]), LABELS, r"row 1 .*1\.1"),
        (PROBABILITIES, np.array([0, 0, 0, 1, 3, 1]), "0 to 2, got 3 at 4"),
        (PROBABILITIES, np.array([0, 0, 0, 1, -1, 1]), "got -1 at 4"),
        (PROBABILITIES, LABELS.astype(np.float32), "float32"),
        (PROBABILITIES, LABELS[:5], r"\[6, 3\] and \[5\]"),
        (PROBABILITIES[0], LABELS, r"\[3\] and \[6\]"),
        (PROBABILITIES[:0], LABELS[:0], r"nothing.*\[0, 3\]"),
        (PROBABILITIES[:, :2] / PROBABILITIES[:, :2].sum(1, keepdims=True), LABELS % 2, "3 class names.*2"),
    ],
)
def test_impossible_input_is_refused_with_the_value(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        classification_metrics(probabilities, labels, classes=CLASSES, top_k=2)
    with pytest.raises(ValueError, match=message):
        per_class_table(probabilities, labels, classes=CLASSES)
    with pytest.raises(ValueError, match=message):
        confusion_table(probabilities, labels, classes=CLASSES)


def test_class_names_must_differ() -> None:
    with pytest.raises(ValueError, match="more than once: cat"):
        confusion_table(PROBABILITIES, LABELS, classes=["cat", "dog", "cat"])


def test_rounding_of_float32_rows_is_accepted() -> None:
    almost = _with(0, [0.7004, 0.2, 0.1])
    assert classification_metrics(almost, LABELS, classes=CLASSES, top_k=1)["accuracy"] == pytest.approx(
        4 / 6
    )


def test_bootstrapped_intervals_agree_with_formulas() -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    low, high = bootstrap_interval(lambda drawn: values[drawn].mean(), len(values), 2000)
    middle, half = values.mean(), 1.96 * values.std() / math.sqrt(400)
    assert (low, high) == pytest.approx((middle - half, middle + half), abs=0.03)
    again = bootstrap_interval(lambda drawn: values[drawn].mean(), len(values), 2000)
    assert again == (low, high)


def test_the_interval_of_f1_is_around_it_and_by_the_same_rules() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 300)
    probabilities = generator.dirichlet(np.ones(3), 300).astype(np.float32)
    probabilities[np.arange(300), labels] += 1
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    labels[:60] = (labels[:60] + 1) % 3
    metrics = classification_metrics(probabilities, labels, classes=CLASSES, top_k=2)
    for average in ("macro", "weighted"):
        tree = metrics[average]
        assert tree["f1_low"] < tree["f1"] < tree["f1_high"]
        assert 0.05 < tree["f1_high"] - tree["f1_low"] < 0.15
    one = classification_metrics(np.eye(3, dtype=np.float32), np.arange(3), classes=CLASSES, top_k=1)
    assert one["macro"]["f1"] == 1
    assert one["macro"]["f1_high"] == 1


def test_confusion_matrix_counts_rows_of_actual_classes() -> None:
    table = confusion_matrix(PROBABILITIES, LABELS, classes=CLASSES)
    assert table.columns.tolist() == ["actual", *CLASSES]
    assert table.iloc[0].tolist() == ["cat", 2, 1, 0]
    assert table.iloc[1].tolist() == ["dog", 1, 1, 0]
    assert table[CLASSES].to_numpy().sum() == 6
