"""The optimizers and the learning rate's schedule."""

import pytest
import torch
from torch import nn
from torch.optim import Optimizer

from darkroom.models.networks.fast import FastNet
from darkroom.training.optimizers import OptimizerSettings, build_optimizers
from darkroom.training.optimizers.muon import Muon, orthogonalise
from darkroom.training.schedule import set_rates
from tests.helpers.models import classifier_of


def optimizers_of(
    net: nn.Module, name: str, *, learning_rate: float = 0.01, weight_decay: float = 1e-4
) -> list[Optimizer]:
    settings = OptimizerSettings(learning_rate=learning_rate, weight_decay=weight_decay, batch_size=50)
    return build_optimizers(net, name, settings)


def test_an_unknown_optimizer_is_refused() -> None:
    with pytest.raises(ValueError, match="'lion' is unknown: muon, sgd, adam, rmsprop"):
        optimizers_of(nn.Linear(2, 2), "lion")


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(16, 64), (64, 16), (24, 24)])
def test_orthogonalise_brings_singular_values_near_1(shape: tuple[int, int], precision: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(shape, generator=generator) * 1e-3
    out = orthogonalise(matrix, precision)
    assert out.shape == shape
    assert out.dtype == torch.float32
    values = torch.linalg.svdvals(out)
    if shape != (24, 24):  # a square one has singular values near 0, which three steps do not lift
        assert values.min() > 0.5
    assert values.max() < 1.4
    assert values.median() > 0.6
    before = torch.linalg.svdvals(matrix / matrix.norm())
    assert before.max() < 0.5


def test_muon_keeps_the_norm_of_filters_and_steps_by_the_learning_rate() -> None:
    weight = nn.Parameter(torch.randn(8, 4, 3, 3, generator=torch.Generator().manual_seed(0)))
    weight.grad = torch.randn(8, 4, 3, 3, generator=torch.Generator().manual_seed(1))
    start = weight.detach() * (8**0.5 / weight.detach().norm())
    Muon([weight], lr=0.1).step()
    moved = (weight.detach() - start).reshape(8, -1)
    values = torch.linalg.svdvals(moved) / 0.1
    assert values.min() > 0.5
    assert values.max() < 1.4
    assert (moved * weight.grad.reshape(8, -1)).sum() < 0, "downhill"


def test_every_trained_weight_has_one_optimizer() -> None:
    for architecture, name in (
        ("fast", "muon"),
        ("fast", "adam"),
        ("classic", "adam"),
        ("classic", "rmsprop"),
        ("resnet18", "sgd"),
        ("resnet18", "muon"),
    ):
        net = classifier_of(architecture).net
        groups = [group for optimizer in optimizers_of(net, name) for group in optimizer.param_groups]
        covered = [id(weight) for group in groups for weight in group["params"]]
        assert sorted(covered) == sorted(id(weight) for weight in net.parameters() if weight.requires_grad)


@pytest.mark.parametrize(
    ("warmup", "done", "share"),
    [
        (0.0, 0.0, 1.0),
        (0.0, 0.5, 0.5),
        (0.0, 1.0, 0.0),
        (0.2, 0.0, 0.0),
        (0.2, 0.1, 0.5),
        (0.2, 0.2, 1.0),
        (0.2, 0.6, 0.5),
        (0.2, 1.0, 0.0),
    ],
)
def test_the_learning_rate_rises_and_falls_linearly(warmup: float, done: float, share: float) -> None:
    optimizers = optimizers_of(classifier_of("classic").net, "adam")
    set_rates(optimizers, done=done, warmup=warmup)
    assert optimizers[0].param_groups[0]["lr"] == pytest.approx(0.01 * share)


def test_the_stem_stops_learning_at_stem_until() -> None:
    net = classifier_of("fast").net
    assert isinstance(net, FastNet)
    settings = OptimizerSettings(learning_rate=0.01, weight_decay=1e-4, batch_size=50, stem_until=3 / 8)
    sgd, muon = build_optimizers(net, "muon", settings)
    stem = sgd.param_groups[0]
    assert [id(weight) for weight in stem["params"]] == [id(net.whitening.bias)]
    for done, share in ((0.0, 1.0), (3 / 16, 0.5), (3 / 8, 0.0), (0.9, 0.0)):
        set_rates([sgd, muon], done=done, warmup=0.0)
        assert stem["lr"] == pytest.approx(stem["peak_lr"] * share)
        assert muon.param_groups[0]["lr"] == pytest.approx(0.01 * (1 - done))


@pytest.mark.parametrize("name", ["adam", "rmsprop"])
@pytest.mark.parametrize("learning_rate", [0.01, 0.001])
def test_weight_decay_is_the_share_removed_per_image(name: str, learning_rate: float) -> None:
    net = nn.Linear(4, 3)
    before = net.weight.detach().clone()
    optimizers = optimizers_of(net, name, learning_rate=learning_rate)
    for weight in net.parameters():
        weight.grad = torch.zeros_like(weight)
    for optimizer in optimizers:
        optimizer.step()
    torch.testing.assert_close(net.weight.detach(), before * (1 - 50 * 1e-4))


def test_the_weight_decay_of_muon_is_that_of_airbench94() -> None:
    sgd, muon = optimizers_of(classifier_of("fast").net, "muon")
    for group in sgd.param_groups:
        assert group["lr"] * group["weight_decay"] == pytest.approx(50 * 1e-4)
    assert "weight_decay" not in muon.param_groups[0], "filters are kept at a norm instead"


def test_the_weight_decay_of_sgd_is_the_share_removed_per_image_in_the_long_run() -> None:
    # before momentum, as is usual: a step of momentum 0.9 moves ten times its gradient in the end
    (sgd,) = optimizers_of(nn.Linear(4, 3), "sgd")
    (group,) = sgd.param_groups
    assert group["lr"] * group["weight_decay"] == pytest.approx(50 * 1e-4)
    assert (group["momentum"], group["nesterov"]) == (0.9, True)


def test_a_learned_stem_is_trained() -> None:
    net = FastNet(
        channels=3,
        classes=4,
        widths=[4],
        dropout=0.0,
        convolutions=2,
        whitening=False,
        dirac=False,
        activation="gelu",
    )
    assert net.whitening.weight.requires_grad
    groups = [group for optimizer in optimizers_of(net, "muon") for group in optimizer.param_groups]
    assert id(net.whitening.weight) in {id(weight) for group in groups for weight in group["params"]}
