"""Training on the digits: it learns, repeats itself, keeps the best and goes on after a kill."""

import logging
import math
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from darkroom.data import flips
from darkroom.data.splits import Split
from darkroom.models.classifier import Classifier
from darkroom.models.hardware import choose_device, choose_precision
from darkroom.models.inference import predict
from darkroom.training import loop
from darkroom.training.averaging import Average
from darkroom.training.checkpoints import load_checkpoint
from darkroom.training.history import Epoch, Fit, TrainingError
from darkroom.training.loop import fit
from darkroom.training.resolution import shrink, shrink_split
from darkroom.training.start import model_config, new_classifier
from darkroom.training.validation import evaluate
from tests.helpers.training import ADAM, PARAMS, digits_splits, tiny_params

CPU = torch.device("cpu")


pytestmark = pytest.mark.usefixtures("one_thread")


def train(
    changes: Mapping[str, Any] | None = None, *, images: int = 0, validation: int | None = 0, **options: Any
) -> tuple[Classifier, Fit]:
    """Train a fresh classifier on the first images of the digits."""
    params = tiny_params(changes)
    parts = digits_splits()
    learning, validating = (
        parts[0].first(images),
        None if validation is None else parts[1].first(validation),
    )
    classifier = new_classifier(model_config(params, parts[2]), learning, seed=params.seed)
    result = fit(
        classifier, learning, validating, params=params, device=CPU, precision=torch.float32, **options
    )
    return classifier, result


def weights(classifier: Classifier) -> dict[str, Tensor]:
    return {key: value.detach().clone() for key, value in classifier.state_dict().items()}


def same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


CLASSIC = {"architecture": "classic"}


@pytest.mark.parametrize(
    "changes",
    [
        {"train": {"learning_rate": 0.24}},
        {"model": CLASSIC, "train": {**ADAM, "epochs": 6, "warmup": 0.2}},
        {"model": CLASSIC, "train": {"optimizer": "rmsprop", "learning_rate": 0.002, "epochs": 6}},
        {"train": {**ADAM, "learning_rate": 0.01, "epochs": 6}},
        {"train": {"optimizer": "sgd", "learning_rate": 0.3, "epochs": 6}},
        {"model": {"convolutions": 3, "whitening": False, "dirac": False}, "train": {"learning_rate": 0.24}},
        {"model": {"architecture": "resnet18"}, "train": {"optimizer": "sgd", "learning_rate": 0.05}},
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
def test_it_learns(changes: dict[str, Any]) -> None:
    classifier, result = train(changes)
    assert result.best.validation_accuracy is not None
    assert result.best.validation_accuracy > 0.5, "chance is 0.1"
    assert result.history[-1].train_loss < result.history[0].train_loss
    assert [epoch.epoch for epoch in result.history] == list(range(1, len(result.history) + 1))
    assert not classifier.training
    validation = digits_splits()[1]
    right = predict(classifier, validation, device=CPU).argmax(1) == validation.labels
    assert right.mean() == pytest.approx(result.best.validation_accuracy)


def test_rmsprop_learns_with_the_weight_decay_of_the_defaults_and_large_batches() -> None:
    # weight_decay is per image: an L2 term inside RMSprop would grow with the batch and shrink all weights
    changes = {
        "model": CLASSIC,
        "train": {"optimizer": "rmsprop", "learning_rate": 0.001, "epochs": 10, "batch_size": 250},
    }
    _, result = train(changes)
    assert result.best.validation_accuracy is not None
    assert result.best.validation_accuracy > 0.4


def test_the_same_seed_gives_the_same_weights() -> None:
    changes = {"train": {"epochs": 2}, "augment": {"flip": "alternating", "cutout": 2}}
    one, same_again, other = (weights(train({**changes, "seed": seed}, images=256)[0]) for seed in (3, 3, 4))
    assert same(one, same_again)
    assert not same(one, other)


def script(monkeypatch: pytest.MonkeyPatch, accuracies: list[float]) -> list[dict[str, Tensor]]:
    """Let validation answer these accuracies; return the list that gets the weights it saw."""
    seen: list[dict[str, Tensor]] = []

    def answer(classifier: Classifier, *_: object, **__: object) -> tuple[float, float]:
        seen.append(weights(classifier))
        return 1.0, accuracies[len(seen) - 1]

    monkeypatch.setattr(loop, "evaluate", answer)
    return seen


def test_the_best_epochs_weights_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = script(monkeypatch, [0.2, 0.7, 0.7, 0.4])
    classifier, result = train({"train": {"epochs": 4}}, images=128, checkpoints=tmp_path)
    assert result.best.epoch == 2, "the first of equals"
    assert not result.stopped_early
    assert same(weights(classifier), seen[1])
    assert not same(seen[1], seen[3])


def test_it_stops_when_validation_no_longer_gains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = script(monkeypatch, [0.2, 0.5, 0.4, 0.5, 0.9])
    changes = {"train": {"epochs": 5, "patience": 2}}
    classifier, result = train(changes, images=128, checkpoints=tmp_path)
    assert result.stopped_early
    assert len(result.history) == 4
    assert result.best.epoch == 2
    assert same(weights(classifier), seen[1])
    again, repeated = train(changes, images=128, checkpoints=tmp_path)
    assert len(seen) == 4, "nothing is trained again"
    assert repeated == result
    assert same(weights(again), weights(classifier))


def test_images_reach_the_net_as_they_should(monkeypatch: pytest.MonkeyPatch) -> None:
    """In training the same standardisation as in prediction; in validation nothing but it."""
    parts = digits_splits()
    learning, validating = parts[0].first(100), parts[1].first(60)
    params = tiny_params(
        {"augment": {"translate": 0}, "train": {"epochs": 2, "batch_size": 50}},
    )
    classifier = new_classifier(model_config(params, parts[2]), learning, seed=0)
    seen: dict[bool, list[Tensor]] = {True: [], False: []}
    classifier.net.register_forward_pre_hook(
        lambda net, inputs: seen[net.training].append(inputs[0].detach().clone())
    )
    fit(classifier, learning, validating, params=params, device=CPU, precision=torch.float32)

    def rows(batch: Tensor) -> list[bytes]:
        return [row.contiguous().numpy().tobytes() for row in batch]

    standard = {
        loop: rows(classifier.standardise(torch.from_numpy(np.array(split.images))))
        for loop, split in ((True, learning), (False, validating))
    }
    for epoch in (0, 1):
        trained = rows(torch.cat(seen[True][2 * epoch : 2 * epoch + 2]))
        assert sorted(trained) == sorted(standard[True]), "each image once an epoch"
        assert trained != standard[True], "in another order"
        assert rows(seen[False][epoch]) == standard[False]
    assert rows(torch.cat(seen[True][:2])) != rows(torch.cat(seen[True][2:])), "in another order each epoch"


def test_augmentation_is_for_training_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    validating = digits_splits()[1]
    seen: dict[bool, list[Tensor]] = {True: [], False: []}
    params = tiny_params(
        {"augment": {"flip": "alternating", "translate": 2, "cutout": 3}, "train": {"epochs": 1}}
    )
    learning = digits_splits()[0].first(128)
    classifier = new_classifier(model_config(params, digits_splits()[2]), learning, seed=0)
    classifier.net.register_forward_pre_hook(
        lambda net, inputs: seen[net.training].append(inputs[0].detach().clone())
    )
    fit(classifier, learning, validating, params=params, device=CPU, precision=torch.float32)
    images = classifier.standardise(torch.from_numpy(np.array(validating.images)))
    assert torch.equal(torch.cat(seen[False]), images)
    plain = classifier.standardise(torch.from_numpy(np.array(learning.images)))
    known = {row.contiguous().numpy().tobytes() for row in plain}
    changed = [row.contiguous().numpy().tobytes() not in known for row in torch.cat(seen[True])]
    assert sum(changed) > 100


@pytest.mark.parametrize("architecture", ["fast", "classic"])
def test_the_first_epochs_are_of_low_resolution(architecture: str) -> None:
    params = tiny_params(
        {
            "model": {"architecture": architecture},
            "train": {**ADAM, "epochs": 3, "low_resolutions": [4, 6]},
        }
    )
    parts = digits_splits()
    learning = parts[0].first(64)
    classifier = new_classifier(model_config(params, parts[2]), learning, seed=0)
    sides: list[tuple[bool, int]] = []
    classifier.net.register_forward_pre_hook(
        lambda net, inputs: sides.append((net.training, inputs[0].shape[2]))
    )
    fit(classifier, learning, parts[1].first(64), params=params, device=CPU, precision=torch.float32)
    assert sides == [(True, 4), (False, 8), (True, 6), (False, 8), (True, 8), (False, 8)]


def test_full_size_epochs_see_the_hardest_images() -> None:
    plain = {"flip": "none", "translate": 0, "cutout": 0}
    # the first epoch's low resolution is that of the images: it sees them all, and as they are
    settings = {**ADAM, "epochs": 3, "low_resolutions": [8], "hardest_share": 0.4, "batch_size": 20}
    params = tiny_params({"model": {"dropout": 0.0}, "augment": plain, "train": settings})
    parts = digits_splits()
    learning = parts[0].first(100)
    classifier = new_classifier(model_config(params, parts[2]), learning, seed=0)
    images = classifier.standardise(torch.from_numpy(np.array(learning.images)))
    row_of = {image.numpy().tobytes(): row for row, image in enumerate(images)}
    assert len(row_of) == 100
    shown: list[tuple[int, float]] = []  # row and loss

    def note(net: torch.nn.Module, inputs: tuple[Tensor], logits: Tensor) -> None:
        if net.training:
            rows = [row_of[image.contiguous().numpy().tobytes()] for image in inputs[0]]
            labels = torch.from_numpy(learning.labels[rows])
            losses = torch.nn.functional.cross_entropy(logits.detach(), labels, reduction="none")
            shown.extend(zip(rows, losses.tolist(), strict=True))

    classifier.net.register_forward_hook(note)
    fit(classifier, learning, None, params=params, device=CPU, precision=torch.float32)
    epochs = [shown[:100], shown[100:140], shown[140:]]
    assert [len({row for row, _ in epoch}) for epoch in epochs] == [100, 40, 40]
    last = dict(epochs[0])
    for epoch in epochs[1:]:
        hardest = sorted(last, key=lambda row: -last[row])[:40]
        assert {row for row, _ in epoch} == set(hardest)
        last |= dict(epoch)
    assert {row for row, _ in epochs[2]} != {row for row, _ in epochs[1]}, "others have become the hardest"


@pytest.mark.parametrize("optimizer", ["muon", "sgd"])
def test_the_first_layers_stay_after_their_share(optimizer: str) -> None:
    params = tiny_params(
        {"train": {"optimizer": optimizer, "learning_rate": 0.02, "epochs": 4, "first_block_until": 0.5}}
    )
    parts = digits_splits()
    learning = parts[0].first(128)
    classifier = new_classifier(model_config(params, parts[2]), learning, seed=0)
    after: list[dict[str, Tensor]] = []

    def note(_: Epoch) -> None:
        after.append({name: weight.detach().clone() for name, weight in classifier.net.named_parameters()})

    fit(classifier, learning, None, params=params, device=CPU, precision=torch.float32, on_epoch=note)
    assert not any(name.startswith(("whitening", "blocks.0")) for name in moved(after[1], after[3]))
    assert {"blocks.1.conv1.weight", "head.weight"} <= moved(after[1], after[3])
    assert {"blocks.0.conv1.weight", "blocks.0.norm1.bias"} <= moved(after[0], after[1])


def moved(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> set[str]:
    return {name for name, weight in before.items() if not torch.equal(weight, after[name])}


def test_a_loss_that_is_not_finite_names_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = digits_splits()
    params = tiny_params({"train": {"batch_size": 50, "learning_rate": 0.07}})
    learning = parts[0].first(100)
    classifier = new_classifier(model_config(params, parts[2]), learning, seed=0)
    calls = []

    def spoil(net: torch.nn.Module, _: object, logits: Tensor) -> Tensor:
        if net.training:
            calls.append(1)
        return logits * math.nan if len(calls) == 4 else logits

    classifier.net.register_forward_hook(spoil)
    message = (
        r"nan at step 2 of epoch 2, a batch of 50 \(rows (\d+, ){5}… .*train\.learning_rate \(now 0\.07\)"
    )
    with pytest.raises(TrainingError, match=message):
        fit(classifier, learning, parts[1], params=params, device=CPU, precision=torch.float32)


# --- kill and resume ---

RESUMED: dict[str, dict[str, Any]] = {
    "model": {"dropout": 0.3},
    "augment": {"flip": "alternating", "translate": 1, "cutout": 2},
    "train": {"epochs": 4, "low_resolutions": [6], "hardest_share": 0.5, "first_block_until": 0.6},
}
KILLED = """
import os, signal, sys
from pathlib import Path
import torch
import torch.nn.functional as F
from tests.training.test_loop import train
torch.set_num_threads(1)
changes = {changes!r}
def die(epoch):
    if epoch.epoch == 2:
        os.kill(os.getpid(), signal.SIGKILL)
train(changes, images=256, checkpoints=Path(sys.argv[1]), on_epoch=die)
"""


@pytest.mark.parametrize(
    "changes",
    [
        RESUMED,
        {**RESUMED, "model": {**CLASSIC, "dropout": 0.3}, "train": {**RESUMED["train"], **ADAM}},
        {**RESUMED, "train": {**RESUMED["train"], "average": "ema"}},
        {**RESUMED, "augment": {"flip": "random"}, "train": {**RESUMED["train"], "average": "lookahead"}},
    ],
    ids=["fast/muon", "classic/adam", "fast/muon/ema", "fast/muon/lookahead"],
)
def test_a_killed_training_ends_like_one_that_was_not(tmp_path: Path, changes: dict[str, Any]) -> None:
    killed = in_another_process(KILLED.format(changes=changes), str(tmp_path / "killed"))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert [path.name for path in (tmp_path / "killed").iterdir()] == ["epoch-00001.safetensors"]
    epochs: list[int] = []
    resumed, result = train(
        changes,
        images=256,
        checkpoints=tmp_path / "killed",
        on_epoch=lambda epoch: epochs.append(epoch.epoch),
    )
    assert epochs == [2, 3, 4]
    whole, uninterrupted = train(changes, images=256, checkpoints=tmp_path / "whole")
    assert same(weights(resumed), weights(whole))

    def figures(epoch: Epoch) -> tuple[float | None, ...]:
        return epoch.train_loss, epoch.train_accuracy, epoch.validation_loss, epoch.validation_accuracy

    assert [figures(epoch) for epoch in result.history] == [figures(e) for e in uninterrupted.history]
    last = [(tmp_path / name / "epoch-00004.safetensors").read_bytes() for name in ("killed", "whole")]
    assert len(last[0]) == pytest.approx(len(last[1]), rel=0.01)


def test_after_a_damaged_checkpoint_training_goes_on_from_the_one_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    changes = {"train": {"epochs": 3}}
    first, _ = train(changes, images=128, checkpoints=tmp_path)
    path = tmp_path / "epoch-00003.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    epochs: list[int] = []
    with caplog.at_level(logging.WARNING):
        again, _ = train(
            changes,
            images=128,
            checkpoints=tmp_path,
            on_epoch=lambda epoch: epochs.append(epoch.epoch),
        )
    assert "damaged" in caplog.text
    assert epochs == [3]
    assert same(weights(first), weights(again))


FULL_DISK = """
import resource, sys
from pathlib import Path
import torch
import torch.nn.functional as F
from tests.training.test_loop import train
torch.set_num_threads(1)
folder = Path(sys.argv[1])
def limit(epoch):
    if epoch.epoch == 3:  # a file may grow to half a checkpoint's size, as if the disk ended there
        size = (folder / "epoch-00002.safetensors").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))
train({"train": {"epochs": 4}}, images=128, checkpoints=folder, on_epoch=limit)
"""


def in_another_process(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    root = PARAMS.parent
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=root,
        env={**os.environ, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"},
        capture_output=True,
        text=True,
    )


def test_a_full_disk_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    done = in_another_process(FULL_DISK, str(tmp_path))
    assert done.returncode == 1
    assert re.search(r"TrainingError: the checkpoint of epoch 3 cannot be written .*free space", done.stderr)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["epoch-00001.safetensors", "epoch-00002.safetensors"], "nothing half-written"
    epochs: list[int] = []
    resumed, _ = train(
        {"train": {"epochs": 4}},
        images=128,
        checkpoints=tmp_path,
        on_epoch=lambda epoch: epochs.append(epoch.epoch),
    )
    assert epochs == [3, 4]
    assert same(weights(resumed), weights(train({"train": {"epochs": 4}}, images=128)[0]))


def test_an_error_of_on_epoch_ends_the_training(tmp_path: Path) -> None:
    def stop(epoch: Epoch) -> None:
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        train(images=128, checkpoints=tmp_path, on_epoch=stop)
    assert not list(tmp_path.iterdir()), "the epoch is made again"


# --- the weights' averages, flips, a final fit ---


def test_ema_is_the_formula() -> None:
    trained = torch.nn.Linear(2, 1, bias=False)
    torch.nn.init.constant_(trained.weight, 1.0)
    average = Average(trained, kind="ema", memory=4)
    expected = 1.0
    for step, value in enumerate((2.0, 5.0, -1.0), start=1):
        torch.nn.init.constant_(trained.weight, value)
        average.step(step, 3)
        expected = math.exp(-1 / 4) * expected + (1 - math.exp(-1 / 4)) * value
    torch.testing.assert_close(average.module.weight, torch.full((1, 2), expected))
    assert trained.weight.flatten()[0] == -1, "the trained weights are left alone"


def test_lookahead_pulls_every_fifth_step_and_ends_on_the_average() -> None:
    trained = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(trained.weight, 0.0)
    average = Average(trained, kind="lookahead", memory=1)
    for step in range(1, 13):
        before = trained.weight.item() + 1
        torch.nn.init.constant_(trained.weight, before)  # as if trained by a step of 1
        average.step(step, 12)
        assert (abs(trained.weight.item() - before) > 0.01) is (step in (5, 10, 12))
    decay = 0.95**5 * (5 / 12) ** 3
    first = (1 - decay) * 5
    decay = 0.95**5 * (10 / 12) ** 3
    second = decay * first + (1 - decay) * (first + 5)
    assert trained.weight.item() == pytest.approx(second, rel=1e-5)


def test_what_is_validated_and_kept_with_ema_is_the_average(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = script(monkeypatch, [0.2, 0.7, 0.4])
    changes = {"train": {"epochs": 3, "average": "ema", "average_memory": 0.5}}
    averaged, _ = train(changes, images=128, checkpoints=tmp_path)
    assert same(weights(averaged), seen[1])
    monkeypatch.undo()
    seen_plain = script(monkeypatch, [0.2, 0.7, 0.4])
    train({"train": {"epochs": 3}}, images=128)
    assert not same(seen[1], seen_plain[1])


def test_flips() -> None:
    def mirrored(epoch: int, flip: str, seed: int = 0) -> Tensor:
        return flips.mirrored(1000, epoch, seed=seed, flip=flip)

    assert not mirrored(0, "none").any()
    for flip in ("random", "alternating"):
        assert 400 < mirrored(0, flip).sum() < 600
        assert not torch.equal(mirrored(0, flip), mirrored(0, flip, seed=1))
    assert torch.equal(mirrored(1, "alternating"), ~mirrored(0, "alternating"))
    assert torch.equal(mirrored(2, "alternating"), mirrored(0, "alternating"))
    agreement = (mirrored(1, "random") == mirrored(0, "random")).float().mean()
    assert 0.4 < agreement < 0.6, "by chance again"


def test_without_validation_images_the_last_epoch_is_kept(tmp_path: Path) -> None:
    changes = {"train": {"epochs": 3, "patience": 1}}
    classifier, result = train(changes, images=128, validation=None, checkpoints=tmp_path)
    assert [epoch.validation_accuracy for epoch in result.history] == [None] * 3
    assert result.best.epoch == 3
    assert not result.stopped_early
    train({"train": {"epochs": 3}}, images=128, checkpoints=tmp_path / "watched")
    last = load_checkpoint(tmp_path / "watched")
    assert last
    assert same(weights(classifier), last[0]["classifier"]), "validation changes nothing in training"


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_net_learns_the_same() -> None:
    plain = {"model": {"dropout": 0.0}}  # a compiled dropout draws other numbers
    results = [
        train({**plain, "train": {"epochs": 2, "compile": compiled}}, images=256)[1].history[-1].train_loss
        for compiled in ("always", "never")
    ]
    assert results[0] == pytest.approx(results[1], rel=1e-3)


# --- evaluation, devices, smaller images ---


def test_evaluate_is_the_formula_over_more_than_one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
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
    classifier, _ = train(images=256)
    results = [
        evaluate(classifier, parts[1], device=CPU, precision=precision)[0]
        for precision in (torch.float32, torch.bfloat16)
    ]
    assert results[0] != results[1], "bf16 is used where it is asked for"
    assert results[0] == pytest.approx(results[1], rel=0.05)


class ResultTypes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the dtypes of all that torch computes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: set[torch.dtype] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.seen |= {leaf.dtype for leaf in tree_leaves(result) if isinstance(leaf, Tensor)}
        return result


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_only_training_in_bf16_computes_in_bf16(precision: torch.dtype) -> None:
    # a processor that only imitates it takes many times as long
    parts = digits_splits()
    params = tiny_params({"train": {"epochs": 1}})
    assert params.train.optimizer == "muon"
    learning = parts[0].first(128)
    classifier = new_classifier(model_config(params, parts[2]), learning, seed=0)
    with ResultTypes() as results:
        fit(classifier, learning, parts[1].first(64), params=params, device=CPU, precision=precision)
    assert (torch.bfloat16 in results.seen) == (precision is torch.bfloat16)


def test_a_smaller_split() -> None:
    split = digits_splits()[1].first(5)
    small = shrink_split(split, 4)
    assert small.images.shape == (5, 4, 4, 1)
    assert small.images.dtype == np.uint8
    np.testing.assert_array_equal(small.labels, split.labels)
    means = small.images.mean((1, 2, 3)), split.images.mean((1, 2, 3))
    np.testing.assert_allclose(means[0], means[1], atol=12)
    for side in (0, 8, 9):
        np.testing.assert_array_equal(shrink_split(split, side).images, split.images)


def test_shrinking_is_that_of_floats_within_a_grey_level() -> None:
    images = torch.randint(0, 256, (5, 12, 9, 3), dtype=torch.uint8)
    small = shrink(images, 6)
    assert small.shape == (5, 8, 6, 3)
    wide = images.permute(0, 3, 1, 2).double()
    exact = F.interpolate(wide, size=(8, 6), mode="bilinear", antialias=True).permute(0, 2, 3, 1)
    torch.testing.assert_close(small.double(), exact, rtol=0, atol=1.01)  # 0.5 for each of two roundings


def test_freed_memory_is_kept() -> None:
    code = """
import resource, torch
from darkroom.models.memory import keep_freed_memory

def new_pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(20_000_000, dtype=torch.uint8)  # 4,883 pages, if they are of the usual size
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(new_pages(), keep_freed_memory(), new_pages(), new_pages())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, kept, _, after = done.stdout.split()
    if kept == "False":
        pytest.skip("not glibc: memory is left as it is")
    assert int(after) < int(before) / 10


def test_the_device_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == (CPU, "cpu: the first of cuda, mps, cpu that is available")
    assert choose_device("cpu") == (CPU, "cpu: as params.yaml says")
    for name in ("cuda", "mps"):
        with pytest.raises(ValueError, match=rf"train\.device is {name}.*set train\.device=auto"):
            choose_device(name)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto")[0] == torch.device("mps")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto")[0] == torch.device("cuda")


@pytest.mark.parametrize(
    ("capabilities", "dtype", "reason"),
    [
        ({"avx512_bf16": True}, torch.bfloat16, "bf16: the CPU (AVX-512 BF16 or AMX) computes in it"),
        ({"amx_bf16": True}, torch.bfloat16, "bf16: the CPU (AVX-512 BF16 or AMX) computes in it"),
        (
            {"avx2": True},
            torch.float32,
            "fp32: the CPU (neither AVX-512 BF16 nor AMX) does not compute in bf16",
        ),
    ],
)
def test_the_precision_and_why(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], dtype: torch.dtype, reason: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert choose_precision("auto", CPU) == (dtype, reason)
    assert choose_precision("bf16", CPU) == (torch.bfloat16, "bf16: as params.yaml says")
    assert choose_precision("fp32", CPU) == (torch.float32, "fp32: as params.yaml says")
    assert choose_precision("auto", torch.device("mps"))[0] is torch.float32
