"""Training on classes that are not equally frequent."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from darkroom.data.splits import Split
from darkroom.training.history import Epoch, Fit, best_epoch, out_of_patience
from darkroom.training.loop import fit
from darkroom.training.start import model_config, new_classifier
from tests.helpers.fitting import CPU, same_weights, train_digits, weights
from tests.helpers.training import digits_splits, tiny_params

pytestmark = pytest.mark.usefixtures("one_thread")

METHODS: dict[str, dict[str, Any]] = {
    "balanced": {"class_weights": "balanced"},
    "effective": {"class_weights": "effective"},
    "adjustment": {"logit_adjustment": 1.0},
    "sampling": {"sampling": "balanced"},
}
RESUMED: dict[str, Any] = {"epochs": 4, "low_resolutions": [6], "hardest_share": 0.5, "label_smoothing": 0.1}


def imbalanced() -> Split:
    """Return the digits, with 7 images of each of 5 to 9."""
    train = digits_splits()[0]
    rare = np.concatenate([np.flatnonzero(train.labels == label)[:7] for label in range(5, 10)])
    rows = np.sort(np.concatenate([np.flatnonzero(train.labels < 5), rare]))
    return Split(train.images[rows], train.labels[rows])


def trained(**train: Any) -> Fit:
    parts, split = digits_splits(), imbalanced()
    changes = {"epochs": 10, "batch_size": 32, "best_by": "balanced_accuracy"} | train
    params = tiny_params({"train": changes})
    classifier = new_classifier(model_config(params, parts[2]), split, seed=0)
    return fit(classifier, split, parts[1], params=params, device=CPU, precision=torch.float32)


@cache
def untreated() -> Fit:
    return trained()


@pytest.mark.integration
@pytest.mark.parametrize("method", METHODS)
def test_rare_classes_are_recognised_better_by_each_method(method: str) -> None:
    best = trained(**METHODS[method]).best.validation_balanced_accuracy
    before = untreated().best.validation_balanced_accuracy
    assert best is not None
    assert before is not None
    assert best > before + 0.05


@pytest.mark.integration  # takes seconds
@pytest.mark.parametrize("optimizer", ["muon", "sgd", "adam", "rmsprop"])
def test_every_optimizer_trains_with_each_method(optimizer: str) -> None:
    rate = 0.1 if optimizer in ("muon", "sgd") else 0.001
    for method in METHODS.values():
        result = trained(epochs=1, optimizer=optimizer, learning_rate=rate, **method)
        assert np.isfinite(result.best.train_loss)


@pytest.mark.parametrize("method", METHODS)
def test_a_resumed_training_ends_like_one_that_was_not(tmp_path: Path, method: str) -> None:
    changes = {"train": RESUMED | METHODS[method]}

    def die(epoch: Epoch) -> None:
        if epoch.epoch == 3:
            raise KeyError

    with pytest.raises(KeyError):
        train_digits(changes, images=256, checkpoints=tmp_path, on_epoch=die)
    epochs: list[int] = []
    resumed, _ = train_digits(
        changes, images=256, checkpoints=tmp_path, on_epoch=lambda epoch: epochs.append(epoch.epoch)
    )
    assert epochs == [3, 4]
    whole, _ = train_digits(changes, images=256)
    assert same_weights(weights(resumed), weights(whole))
    plain, _ = train_digits({"train": RESUMED}, images=256)
    assert not same_weights(weights(plain), weights(whole)), "the method is used"


def test_the_last_loss_of_an_image_shown_several_times_is_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    from darkroom.training import epoch as one_epoch
    from darkroom.training import loop

    states = []
    original = one_epoch.train_epoch

    def spied(state: Any) -> Any:
        result = original(state)
        shown = state.progress.order[: state.plan.steps * state.batch_size]
        states.append(
            (state.last_loss.clone(), state.progress.image_losses.clone(), shown.bincount(minlength=256))
        )
        return result

    monkeypatch.setattr(loop, "train_epoch", spied)
    train_digits({"train": {"epochs": 1, "sampling": "balanced"}}, images=256)
    last, summed, times = states[0]
    assert times.max() > 1
    torch.testing.assert_close(last[times > 0], summed[times > 0] / times[times > 0])
    assert last[times == 0].isinf().all()


def epoch(number: int, accuracy: float, balanced: float) -> Epoch:
    return Epoch(number, 1.0, 0.5, 1.0, accuracy, 0.1, 1.0, 1.0, validation_balanced_accuracy=balanced)


def test_the_best_epoch_and_patience_go_by_what_is_set() -> None:
    history = [epoch(1, 0.90, 0.50), epoch(2, 0.85, 0.80), epoch(3, 0.84, 0.79), epoch(4, 0.83, 0.78)]
    assert best_epoch(history, "accuracy").epoch == 1
    assert best_epoch(history, "balanced_accuracy").epoch == 2
    assert out_of_patience(history, 3, "accuracy")
    assert not out_of_patience(history, 3, "balanced_accuracy")
