"""Training on the digits: it learns, repeats itself and keeps the best epoch."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from darkroom.models.classifier import Classifier
from darkroom.models.inference import predict
from darkroom.training import loop
from darkroom.training.checkpoints import load_checkpoint
from darkroom.training.loop import fit
from darkroom.training.start import model_config, new_classifier
from darkroom.training.validation import Validated
from tests.helpers.fitting import CPU, same_weights, train_digits, weights
from tests.helpers.training import ADAM, CLASSIC, digits_splits, tiny_params

pytestmark = pytest.mark.usefixtures("one_thread")
RESNET = {"architecture": "resnet18"}


@pytest.mark.integration  # takes seconds
@pytest.mark.parametrize(
    "changes",
    [
        {"train": {"learning_rate": 0.24}},
        {"model": CLASSIC, "train": {**ADAM, "epochs": 6, "warmup": 0.2}},
        {"model": CLASSIC, "train": {"optimizer": "rmsprop", "learning_rate": 0.002, "epochs": 6}},
        {"train": {**ADAM, "learning_rate": 0.01, "epochs": 6}},
        {"train": {"optimizer": "sgd", "learning_rate": 0.3, "epochs": 6}},
        {"model": {"convolutions": 3, "whitening": False, "dirac": False}, "train": {"learning_rate": 0.24}},
        # half a minute; that it learns at all is shown below
        pytest.param(
            {"model": RESNET, "train": {"optimizer": "sgd", "learning_rate": 0.05}}, marks=pytest.mark.slow
        ),
        {"train": {"learning_rate": 0.24, "average": "ema", "average_memory": 0.3}},
        {"train": {"learning_rate": 0.24, "average": "lookahead"}},
    ],
    ids=[
        "fast/muon",
        "classic/adam",
        "classic/rmsprop",
        "fast/adam",
        "fast/sgd",
        "deep fast/muon, learned stem",
        "resnet18/sgd",
        "fast/muon/ema",
        "fast/muon/lookahead",
    ],
)
def test_every_architecture_and_optimizer_learns(changes: dict[str, Any]) -> None:
    classifier, result = train_digits(changes)
    assert result.best.validation_accuracy is not None
    assert result.best.validation_accuracy > 0.5, "chance is 0.1"
    assert result.history[-1].train_loss < result.history[0].train_loss
    assert [epoch.epoch for epoch in result.history] == list(range(1, len(result.history) + 1))
    assert not classifier.training
    validation = digits_splits()[1]
    correct = predict(classifier, validation, device=CPU).argmax(1) == validation.labels
    assert correct.mean() == pytest.approx(result.best.validation_accuracy)


@pytest.mark.integration
def test_resnet18_learns_a_few_images() -> None:
    changes = {"model": RESNET, "train": {"optimizer": "sgd", "learning_rate": 0.005, "batch_size": 32}}
    _, result = train_digits(changes, images=64, validation=16)
    assert result.history[-1].train_loss < result.history[0].train_loss


def test_rmsprop_learns_with_the_weight_decay_of_the_defaults_and_large_batches() -> None:
    # weight_decay is per image: an L2 term inside RMSprop would grow with the batch and shrink all weights
    changes = {
        "model": CLASSIC,
        "train": {"optimizer": "rmsprop", "learning_rate": 0.001, "epochs": 10, "batch_size": 250},
    }
    _, result = train_digits(changes)
    assert result.best.validation_accuracy is not None
    assert result.best.validation_accuracy > 0.4


def test_the_same_seed_gives_the_same_weights() -> None:
    changes = {"train": {"epochs": 2}, "augment": {"flip": "alternating", "cutout": 2}}
    one, same_again, other = (
        weights(train_digits({**changes, "seed": seed}, images=256)[0]) for seed in (3, 3, 4)
    )
    assert same_weights(one, same_again)
    assert not same_weights(one, other)


def script_validation(monkeypatch: pytest.MonkeyPatch, accuracies: list[float]) -> list[dict[str, Tensor]]:
    """Let validation return these accuracies; return the list to which the validated weights are added."""
    seen: list[dict[str, Tensor]] = []

    def evaluate(classifier: Classifier, *_: object, **__: object) -> Validated:
        seen.append(weights(classifier))
        accuracy = accuracies[len(seen) - 1]
        return Validated(1.0, accuracy, accuracy)

    monkeypatch.setattr(loop, "evaluate", evaluate)
    return seen


def test_the_weights_of_the_best_epoch_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = script_validation(monkeypatch, [0.2, 0.7, 0.7, 0.4])
    classifier, result = train_digits({"train": {"epochs": 4}}, images=128, checkpoints=tmp_path)
    assert result.best.epoch == 2, "the first of equals"
    assert not result.stopped_early
    assert same_weights(weights(classifier), seen[1])
    assert not same_weights(seen[1], seen[3])


def test_training_stops_when_validation_no_longer_improves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = script_validation(monkeypatch, [0.2, 0.5, 0.4, 0.5, 0.9])
    changes = {"train": {"epochs": 5, "patience": 2}}
    classifier, result = train_digits(changes, images=128, checkpoints=tmp_path)
    assert result.stopped_early
    assert len(result.history) == 4
    assert result.best.epoch == 2
    assert same_weights(weights(classifier), seen[1])
    again, repeated = train_digits(changes, images=128, checkpoints=tmp_path)
    assert len(seen) == 4, "nothing is trained again"
    assert repeated == result
    assert same_weights(weights(again), weights(classifier))


def test_with_ema_the_average_is_validated_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = script_validation(monkeypatch, [0.2, 0.7, 0.4])
    changes = {"train": {"epochs": 3, "average": "ema", "average_memory": 0.5}}
    averaged, _ = train_digits(changes, images=128, checkpoints=tmp_path)
    assert same_weights(weights(averaged), seen[1])
    monkeypatch.undo()
    seen_plain = script_validation(monkeypatch, [0.2, 0.7, 0.4])
    train_digits({"train": {"epochs": 3}}, images=128)
    assert not same_weights(seen[1], seen_plain[1])


def test_without_validation_images_the_last_epoch_is_kept(tmp_path: Path) -> None:
    changes = {"train": {"epochs": 3, "patience": 1}}
    classifier, result = train_digits(changes, images=128, validation=None, checkpoints=tmp_path)
    assert [epoch.validation_accuracy for epoch in result.history] == [None] * 3
    assert result.best.epoch == 3
    assert not result.stopped_early
    train_digits({"train": {"epochs": 3}}, images=128, checkpoints=tmp_path / "validated")
    last = load_checkpoint(tmp_path / "validated")
    assert last
    assert same_weights(weights(classifier), last[0]["classifier"]), "validation changes nothing in training"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_net_learns_the_same() -> None:
    plain = {"model": {"dropout": 0.0}}  # a compiled dropout draws other numbers
    results = [
        train_digits({**plain, "train": {"epochs": 2, "compile": compiled}}, images=256)[1]
        .history[-1]
        .train_loss
        for compiled in ("always", "never")
    ]
    assert results[0] == pytest.approx(results[1], rel=1e-3)


class ResultTypes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records the dtypes of all that torch computes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: set[torch.dtype] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.seen |= {leaf.dtype for leaf in tree_leaves(result) if isinstance(leaf, Tensor)}
        return result


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_only_training_in_bf16_computes_in_bf16(precision: torch.dtype) -> None:
    # a processor that only emulates it takes many times as long
    parts = digits_splits()
    params = tiny_params({"train": {"epochs": 1}})
    assert params.train.optimizer == "muon"
    train = parts[0].first(128)
    classifier = new_classifier(model_config(params, parts[2]), train, seed=0)
    with ResultTypes() as results:
        fit(classifier, train, parts[1].first(64), params=params, device=CPU, precision=precision)
    assert (torch.bfloat16 in results.seen) == (precision is torch.bfloat16)
