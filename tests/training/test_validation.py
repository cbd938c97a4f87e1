"""Validation against its formula."""

import numpy as np
import pytest
import torch

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
    loss, accuracy = evaluate(classifier, split, device=CPU, precision=torch.float32)
    probabilities = predict(classifier, split, device=CPU)
    assert probabilities.shape == (1100, 10)
    picked = probabilities[np.arange(1100), split.labels]
    assert loss == pytest.approx(float(-np.log(picked).mean()), rel=1e-4)
    assert accuracy == pytest.approx(float((probabilities.argmax(1) == split.labels).mean()))


def test_bf16_is_close_to_fp32() -> None:
    parts = digits_splits()
    classifier, _ = train_digits(images=256)
    results = [
        evaluate(classifier, parts[1], device=CPU, precision=precision)[0]
        for precision in (torch.float32, torch.bfloat16)
    ]
    assert results[0] != results[1], "bf16 is used where it is requested"
    assert results[0] == pytest.approx(results[1], rel=0.05)
