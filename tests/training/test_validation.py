"""Validation against its formula."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score

from darkroom.data.splits import Split
from darkroom.models.inference import predict
from darkroom.training.start import model_config, new_classifier
from darkroom.training.validation import evaluate
from tests.helpers.fitting import CPU, train_digits
from tests.helpers.training import digits_splits, tiny_params

pytestmark = pytest.mark.usefixtures("one_thread")


def test_evaluate_is_the_formula_over_several_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = digits_splits()
    classifier = new_classifier(model_config(tiny_params(), parts[2]), parts[0], seed=0)
    split = Split(parts[0].images[:1100], parts[0].labels[:1100])
    found = evaluate(classifier, split, device=CPU, precision=torch.float32)
    probabilities = predict(classifier, split, device=CPU)
    assert probabilities.shape == (1100, 10)
    picked = probabilities[np.arange(1100), split.labels]
    assert found.loss == pytest.approx(float(-np.log(picked).mean()), rel=1e-4)
    assert found.accuracy == pytest.approx(float((probabilities.argmax(1) == split.labels).mean()))


def test_balanced_accuracy_is_scikit_learns_on_classes_of_any_size() -> None:
    parts = digits_splits()
    classifier, _ = train_digits(images=256)
    chosen = np.flatnonzero(
        (parts[1].labels != 3) & ((parts[1].labels > 1) | (np.arange(len(parts[1])) < 40))
    )
    split = Split(parts[1].images[chosen], parts[1].labels[chosen])
    found = evaluate(classifier, split, device=CPU, precision=torch.float32)
    predicted = predict(classifier, split, device=CPU).argmax(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # class 3 has no images, and is predicted
        expected = balanced_accuracy_score(split.labels, predicted)
    assert found.balanced_accuracy == pytest.approx(expected)
    assert found.balanced_accuracy != pytest.approx(found.accuracy)


def test_bf16_is_close_to_fp32() -> None:
    parts = digits_splits()
    classifier, _ = train_digits(images=256)
    results = [
        evaluate(classifier, parts[1], device=CPU, precision=precision).loss
        for precision in (torch.float32, torch.bfloat16)
    ]
    assert results[0] != results[1], "bf16 is used where it is requested"
    assert results[0] == pytest.approx(results[1], rel=0.05)
