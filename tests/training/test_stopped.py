"""A training that a signal stops after any step goes on from there, and ends as if it was never stopped."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from darkroom import stopping
from darkroom.models import processes
from darkroom.training import epoch, loop
from darkroom.training.history import Epoch
from darkroom.training.progress import restored_progress
from tests.helpers.fitting import same_weights, train_digits, weights
from tests.helpers.training import ADAM, CLASSIC

pytestmark = pytest.mark.usefixtures("one_thread")

# 4 steps an epoch, 2 where it sees the half of the images
CHANGES: dict[str, Any] = {
    "model": {"dropout": 0.3},
    "augment": {"flip": "alternating", "translate": 1, "cutout": 2},
    "train": {"epochs": 4, "low_resolutions": [6], "hardest_share": 0.5, "first_block_until": 0.6},
}
KINDS: dict[str, dict[str, Any]] = {
    "fast/muon": CHANGES,
    "classic/adam": {**CHANGES, "model": {**CLASSIC, "dropout": 0.3}, "train": {**CHANGES["train"], **ADAM}},
    "ema": {**CHANGES, "train": {**CHANGES["train"], "average": "ema"}},
    "lookahead": {**CHANGES, "train": {**CHANGES["train"], "average": "lookahead"}},
}


@contextmanager
def signal_at(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, call: int) -> Iterator[None]:
    """Send this process SIGTERM when a function of a module is called for the `call`-th time."""
    calls, function = 0, getattr(module, name)

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            os.kill(os.getpid(), signal.SIGTERM)
        return function(*arguments, **options)

    with monkeypatch.context() as patched, stopping.handled():
        patched.setattr(module, name, counted)
        yield


def figures(history: list[Epoch]) -> list[tuple[float | None, ...]]:
    return [
        (e.train_loss, e.train_accuracy, e.validation_loss, e.validation_accuracy, e.learning_rate)
        for e in history
    ]


@pytest.mark.integration  # takes seconds
@pytest.mark.parametrize("kind", KINDS)
def test_a_training_stopped_four_times_ends_bit_for_bit_the_same(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = KINDS[kind]
    whole, uninterrupted = train_digits(changes, images=256)
    stops = [
        (epoch, "update_weights", 2, "after step 2 of 4 of epoch 1 of 4", "epoch-00001-step-0000002"),
        (epoch, "update_weights", 1, "after step 3 of 4 of epoch 1 of 4", "epoch-00001-step-0000003"),
        (loop, "evaluate", 1, "after step 4 of 4 of epoch 1 of 4", "epoch-00001-step-0000004"),
        (epoch, "update_weights", 3, "after step 1 of 2 of epoch 3 of 4", "epoch-00003-step-0000001"),
        (loop, "save_state", 1, "after epoch 3 of 4", "epoch-00003"),
    ]
    for module, function, call, place, name in stops:
        with (
            pytest.raises(stopping.Stopped, match=f"stopped by SIGTERM {place}"),
            signal_at(monkeypatch, module, function, call),
        ):
            train_digits(changes, images=256, checkpoints=tmp_path)
        newest = max(path.name for path in tmp_path.iterdir())
        assert newest == f"{name}.safetensors"
    epochs: list[int] = []
    resumed, result = train_digits(
        changes, images=256, checkpoints=tmp_path, on_epoch=lambda done: epochs.append(done.epoch)
    )
    assert epochs == [4], "no epoch is trained again"
    assert same_weights(weights(resumed), weights(whole))
    assert figures(result.history) == figures(uninterrupted.history)
    assert all(each.seconds > 0 for each in result.history)


def test_after_a_damaged_stop_training_goes_on_from_the_epoch_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = train_digits(images=256)
    with pytest.raises(stopping.Stopped), signal_at(monkeypatch, epoch, "update_weights", 6):
        train_digits(images=256, checkpoints=tmp_path)
    stopped = tmp_path / "epoch-00002-step-0000002.safetensors"
    stopped.write_bytes(stopped.read_bytes()[:-100])
    resumed, _ = train_digits(images=256, checkpoints=tmp_path)
    assert same_weights(weights(resumed), weights(whole))


def test_without_checkpoints_a_stop_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(stopping.Stopped) as stopped, signal_at(monkeypatch, epoch, "update_weights", 2):
        train_digits(images=256)
    assert stopped.value.done == ""


def test_what_draws_random_numbers_meanwhile_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"model": {"dropout": 0.3}}
    whole, _ = train_digits(changes, images=256)
    with pytest.raises(stopping.Stopped), signal_at(monkeypatch, epoch, "update_weights", 2):
        train_digits(changes, images=256, checkpoints=tmp_path)
    torch.rand(1000)
    assert same_weights(weights(train_digits(changes, images=256, checkpoints=tmp_path)[0]), weights(whole))


@pytest.mark.parametrize("rank", [0, 1])
def test_each_process_gets_its_own_random_numbers_back(rank: int, monkeypatch: pytest.MonkeyPatch) -> None:
    states = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        torch.rand(5)
        states.append(torch.get_rng_state())
    tensors = {
        "order": torch.arange(3),
        "generator": torch.Generator().get_state(),
        "random": torch.stack(states),
        "losses": torch.ones(2),
        "image_losses": torch.ones(3),
        "correct": torch.tensor(4),
    }
    monkeypatch.setattr(processes, "rank", lambda: rank)
    restored = restored_progress(tensors, step=1, seconds=2.0, device=torch.device("cpu"))
    assert torch.equal(torch.get_rng_state(), states[rank])
    assert restored.correct.item() == (4 if rank == 0 else 0), "the sums are counted once"


def test_a_signal_while_an_epoch_is_logged_stops_after_its_checkpoint(tmp_path: Path) -> None:
    def log(done: Epoch) -> None:
        if done.epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(stopping.Stopped, match="stopped by SIGINT after epoch 2 of 3"), stopping.handled():
        train_digits(images=128, checkpoints=tmp_path, on_epoch=log)
    assert max(path.name for path in tmp_path.iterdir()) == "epoch-00002.safetensors"
