"""Confident learning: computed by hand, and on digits whose labels were changed on purpose."""

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from darkroom.evaluation.label_issues import label_issues
from tests.helpers.training import digits

CLASSES = ["cat", "dog", "ship"]
PLANTED = 90  # of 1,437 digits


def assert_columns(table: pd.DataFrame) -> None:
    assert [(name, str(dtype)) for name, dtype in table.dtypes.items()] == [
        ("index", "int64"), ("label", "str"), ("suggested", "str"),
        ("label_probability", "float64"), ("suggested_probability", "float64"), ("margin", "float64"),
    ]  # fmt: skip
    assert list(table.index) == list(range(len(table)))


def test_issues_match_a_computation_by_hand() -> None:
    probabilities = np.array(
        [
            [0.90, 0.10, 0.00],  # cat
            [0.70, 0.30, 0.00],  # cat
            [0.20, 0.80, 0.00],  # labelled cat, but as probably a dog as dogs are
            [0.45, 0.55, 0.00],  # labelled cat, more probably a dog, but dogs get more
            [0.10, 0.75, 0.15],  # dog
            [0.35, 0.65, 0.00],  # dog
            [0.60, 0.40, 0.00],  # labelled dog, and cats get no more than this
        ],
        dtype=np.float32,
    )
    labels = np.array([0, 0, 0, 0, 1, 1, 1])
    # Thresholds: cat (0.9 + 0.7 + 0.2 + 0.45) / 4 = 0.5625, dog (0.75 + 0.65 + 0.4) / 3 = 0.6, ship none.
    table = label_issues(probabilities, labels, classes=CLASSES)
    assert_columns(table)
    assert table["index"].tolist() == [2, 6]
    assert table["label"].tolist() == ["cat", "dog"]
    assert table["suggested"].tolist() == ["dog", "cat"]
    assert table["label_probability"].tolist() == pytest.approx([0.2, 0.4])
    assert table["suggested_probability"].tolist() == pytest.approx([0.8, 0.6])
    assert table["margin"].tolist() == pytest.approx([-0.6, -0.2])


def test_a_class_without_images_is_never_suggested() -> None:
    probabilities = np.array([[0.3, 0.0, 0.7], [0.6, 0.4, 0.0], [0.1, 0.9, 0.0]], dtype=np.float32)
    table = label_issues(probabilities, np.array([0, 0, 1]), classes=CLASSES)
    assert_columns(table)
    assert len(table) == 0


def test_the_suggested_class_reaches_its_threshold_even_if_another_is_more_probable() -> None:
    # Thresholds: cat 0.35, dog 0.15, ship (0.95 + 0.55) / 2 = 0.75, which the last two do not reach.
    probabilities = np.array(
        [[0.35, 0.33, 0.32], [0.0, 0.05, 0.95], [0.42, 0.03, 0.55], [0.4, 0.15, 0.45]], dtype=np.float32
    )
    labels = np.array([0, 2, 2, 1])
    table = label_issues(probabilities, labels, classes=CLASSES)
    assert table["index"].tolist() == [3, 2]
    assert table["suggested"].tolist() == ["cat", "cat"]
    assert table["margin"].tolist() == pytest.approx([0.15 - 0.45, 0.55 - 0.42])


def test_on_a_tie_the_label_counts_as_correct() -> None:
    probabilities = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0]], dtype=np.float32)
    assert len(label_issues(probabilities, np.array([0, 1]), classes=CLASSES)) == 0


def test_confident_and_correct_predictions_are_no_issues() -> None:
    probabilities = np.full((30, 3), 0.02, dtype=np.float32)
    labels = np.arange(30) % 3
    probabilities[np.arange(30), labels] = 0.96
    table = label_issues(probabilities, labels, classes=CLASSES)
    assert_columns(table)
    assert len(table) == 0
    assert len(label_issues(np.ones((3, 1)), np.zeros(3, dtype=np.int64), classes=["one"])) == 0


def test_equal_margins_keep_the_order_of_the_images() -> None:
    probabilities = np.array([[0.1, 0.9]] * 5 + [[0.2, 0.8]] + [[0.9, 0.1]] * 6)
    labels = np.array([0, 1, 0, 1, 1, 1] + [0] * 6)
    assert label_issues(probabilities, labels, classes=["a", "b"])["index"].tolist() == [0, 2]


@pytest.fixture(scope="module")
def planted() -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return out-of-sample probabilities, labels of which some were changed, the true ones, and which."""
    train = digits().train
    generator = np.random.default_rng(0)
    wrong = np.sort(generator.permutation(len(train))[:PLANTED])
    labels = train.labels.copy()
    labels[wrong] = (labels[wrong] + generator.integers(1, 10, size=PLANTED)) % 10
    pixels = train.images.reshape(len(train), -1) / 255
    folds = StratifiedKFold(10, shuffle=True, random_state=0)
    model = LogisticRegression(max_iter=1000)
    probabilities = cross_val_predict(model, pixels, labels, cv=folds, method="predict_proba")
    return probabilities, labels, train.labels, wrong


def test_planted_wrong_labels_are_found_and_come_first(
    planted: tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
) -> None:
    probabilities, labels, truth, wrong = planted
    names = [f"digit {number}" for number in range(10)]
    table = label_issues(probabilities, labels, classes=names)
    assert_columns(table)
    hits = table["index"].isin(wrong)
    assert hits.sum() >= 0.65 * PLANTED, "recall"
    assert hits.mean() >= 0.9, "precision"
    assert hits[: PLANTED // 2].all()
    assert table["margin"].is_monotonic_increasing
    assert table["label"].tolist() == [names[label] for label in labels[table["index"]]]
    corrected = table["suggested"] == [names[label] for label in truth[table["index"]]]
    assert corrected[hits].mean() >= 0.9


@pytest.mark.parametrize(
    ("probabilities", "labels", "classes", "message"),
    [
        (np.array([[2.0, -1.0]]), np.array([0]), ["a", "b"], "logits"),
        (np.array([[0.5, 0.5]]), np.array([2]), ["a", "b"], "0 to 1, got 2"),
        (np.array([[0.5, 0.5]]), np.array([1]), ["a", "b", "c"], "3 class names.*2"),
        (np.array([[0.5, 0.5]]), np.array([1, 0]), ["a", "b"], r"\[1, 2\] and \[2\]"),
        (np.empty((0, 2)), np.empty(0, dtype=np.int64), ["a", "b"], "nothing"),
    ],
)
def test_impossible_input_is_rejected(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], classes: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        label_issues(probabilities, labels, classes=classes)
