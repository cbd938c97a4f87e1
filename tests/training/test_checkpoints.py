"""Checkpoints: what is loaded goes on exactly; what is damaged is reported."""

import logging
from pathlib import Path

import pytest
import torch
from safetensors.torch import save as safetensors_bytes
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer

from darkroom.models.networks import build_net
from darkroom.training.checkpoints import (
    load_checkpoint,
    load_optimizer_state,
    optimizer_state,
    save_checkpoint,
)
from darkroom.training.optimizers import OptimizerSettings, build_optimizers

FAST = {
    "architecture": "fast",
    "channels": 1,
    "classes": ["a", "b", "c"],
    "widths": [4, 6],
    "dropout": 0.0,
    "convolutions": 2,
    "whitening": True,
    "dirac": True,
    "activation": "gelu",
}


pytestmark = pytest.mark.usefixtures("one_thread")


def start(name: str, seed: int = 0) -> tuple[nn.Module, list[Optimizer]]:
    torch.manual_seed(seed)
    net = build_net(FAST).to(memory_format=torch.channels_last)
    settings = OptimizerSettings(learning_rate=0.01, weight_decay=1e-5, batch_size=16)
    return net, build_optimizers(net, name, settings)


def step(net: nn.Module, optimizers: list[Optimizer], number: int) -> None:
    generator = torch.Generator().manual_seed(number)
    x = torch.randn(16, 1, 8, 8, generator=generator)
    labels = torch.randint(0, 3, (16,), generator=generator)
    cross_entropy(net(x), labels).backward()  # type: ignore[no-untyped-call]
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()


def weights(net: nn.Module) -> dict[str, Tensor]:
    return {key: value.detach().clone() for key, value in net.state_dict().items()}


def save(folder: Path, epoch: int, net: nn.Module, optimizers: list[Optimizer]) -> Path:
    states = {"classifier": net.state_dict(), "optimizers": optimizer_state(optimizers)}
    save_checkpoint(folder, epoch, states, {"history": [{"epoch": epoch}], "note": "é"})
    return folder / f"epoch-{epoch:05d}.safetensors"


@pytest.mark.parametrize("name", ["muon", "sgd", "adam", "rmsprop"])
def test_a_loaded_checkpoint_goes_on_to_the_bit(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "made"
    net, optimizers = start(name)
    for number in range(3):
        step(net, optimizers, number)
    path = save(folder, 1, net, optimizers)
    assert list(folder.iterdir()) == [path]
    other, others = start(name, seed=1)
    loaded = load_checkpoint(folder)
    assert loaded
    states, meta = loaded
    assert meta == {"history": [{"epoch": 1}], "note": "é"}
    other.load_state_dict(states["classifier"])
    load_optimizer_state(others, states["optimizers"])
    for one, two in zip(optimizers, others, strict=True):
        for a, b in zip(one.state.values(), two.state.values(), strict=True):
            for key, value in a.items():
                if value is not None:
                    assert torch.equal(value, b[key])
                    assert value.stride() == b[key].stride(), "another layout rounds otherwise"
    for number in range(3, 6):
        step(net, optimizers, number)
        step(other, others, number)
    after = weights(other)
    assert all(torch.equal(value, after[key]) for key, value in weights(net).items())


def test_without_a_file_there_is_nothing_to_load(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path) is None
    assert load_checkpoint(tmp_path / "nowhere") is None


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    net, optimizers = start("sgd")
    paths = [save(tmp_path, epoch, net, optimizers) for epoch in (1, 2, 3, 10)]
    assert sorted(tmp_path.iterdir()) == paths[2:]
    loaded = load_checkpoint(tmp_path)
    assert loaded
    assert loaded[1]["history"] == [{"epoch": 10}]


def damaged(whole: bytes, how: str) -> bytes:
    at = len(whole) - 9
    return {
        "empty": b"",
        "torn": whole[: len(whole) // 2],
        "short": whole[:-1],
        "garbage": b"\x93" * 1000,
        "a flipped bit": whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :],
        "no meta": safetensors_bytes({"net/x": torch.zeros(1)}),
        "meta of another kind": safetensors_bytes({"net/x": torch.zeros(1)}, metadata={"meta": "{"}),
    }[how]


@pytest.mark.parametrize(
    "how", ["empty", "torn", "short", "garbage", "a flipped bit", "no meta", "meta of another kind"]
)
def test_a_damaged_file_falls_back_to_the_one_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    net, optimizers = start("adam")
    before = save(tmp_path, 1, net, optimizers)
    step(net, optimizers, 0)
    last = save(tmp_path, 2, net, optimizers)
    last.write_bytes(damaged(last.read_bytes(), how))
    with caplog.at_level(logging.WARNING):
        loaded = load_checkpoint(tmp_path)
    assert loaded
    assert loaded[1]["history"] == [{"epoch": 1}]
    assert str(last) in caplog.text
    assert "falling back to the one before" in caplog.text
    before.write_bytes(damaged(before.read_bytes(), how))
    assert load_checkpoint(tmp_path) is None
