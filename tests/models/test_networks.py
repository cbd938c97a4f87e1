"""The networks, the classifier around them, and the optimizers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from darkroom.models.classifier import Classifier, build_classifier, load_classifier
from darkroom.models.networks.fast import ACTIVATIONS, ConvolutionBlock, FastNet
from darkroom.training.optimizers import OptimizerSettings, build_optimizers
from darkroom.training.optimizers.muon import Muon, orthogonalise
from darkroom.training.schedule import set_rates

SHAPES = [(32, 32, 3), (8, 8, 1), (12, 9, 3)]


def classifier_of(
    architecture: str,
    shape: tuple[int, int, int] = (8, 8, 1),
    *,
    views: int = 1,
    dropout: float = 0.3,
    convolutions: int = 2,
) -> Classifier:
    """Return a small classifier with random weights, in evaluation mode."""
    torch.manual_seed(0)
    height, width, channels = shape
    config = {
        "architecture": architecture,
        "height": height,
        "width": width,
        "channels": channels,
        "classes": ["a", "b", "c", "d", "e"],
        "widths": [6, 10, 12],
        "dropout": dropout,
        "hidden": 16,
        "convolutions": convolutions,
        "whitening": True,
        "dirac": True,
        "activation": "gelu",
        "mean": [0.4, 0.5, 0.6][:channels],
        "std": [0.2, 0.25, 0.3][:channels],
        "views": views,
    }
    classifier = build_classifier(config)
    for norm in classifier.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean = torch.randn(norm.num_features) / 10
            nn.init.normal_(norm.bias, std=0.3)
    return classifier.eval()


def random_images(count: int, shape: tuple[int, int, int]) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randint(0, 256, (count, *shape), generator=generator).to(torch.uint8)


@pytest.mark.parametrize(
    ("architecture", "convolutions"), [("fast", 2), ("fast", 3), ("classic", 2), ("resnet18", 2)]
)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("views", [1, 6])
def test_every_shape_gives_probabilities(
    architecture: str, convolutions: int, shape: tuple[int, int, int], views: int
) -> None:
    classifier = classifier_of(architecture, shape, views=views, convolutions=convolutions)
    x = random_images(3, shape)
    with torch.inference_mode():
        probabilities = classifier(x)
        one = classifier(x[:1])
    assert probabilities.shape == (3, 5)
    assert probabilities.dtype == torch.float32
    torch.testing.assert_close(probabilities.sum(1), torch.ones(3))
    assert (probabilities > 0).all()
    assert probabilities.std(0).max() > 0, "different images, different answers"
    # an image's answer is its own, whatever the batch
    torch.testing.assert_close(one[0], probabilities[0])


@pytest.mark.parametrize("architecture", ["fast", "classic", "resnet18"])
def test_smaller_images_pass_too(architecture: str) -> None:
    classifier = classifier_of(architecture, (32, 32, 3))
    with torch.inference_mode():
        assert classifier(random_images(2, (20, 20, 3))).shape == (2, 5)


def test_standardisation_is_the_formula() -> None:
    classifier = classifier_of("fast", (8, 8, 3))
    x = torch.zeros(2, 8, 8, 3, dtype=torch.uint8)
    x[1] = 255
    x[1, 3, 5] = torch.tensor([1, 128, 254])
    expected = (x.numpy() / 255 - np.array([0.4, 0.5, 0.6])) / np.array([0.2, 0.25, 0.3])
    out = classifier.standardise(x)
    assert out.dtype == torch.float32
    np.testing.assert_allclose(out.numpy(), expected.transpose(0, 3, 1, 2), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("architecture", ["fast", "classic"])
def test_two_views_do_not_see_left_from_right(architecture: str) -> None:
    x = random_images(4, (8, 8, 1))
    with torch.inference_mode():
        two = classifier_of(architecture, views=2)
        torch.testing.assert_close(two.logits(x), two.logits(x.flip(2)))
        one = classifier_of(architecture, views=1)
        assert not torch.allclose(one.logits(x), one.logits(x.flip(2)), atol=1e-4)
        torch.testing.assert_close(two.logits(x), (one.logits(x) + one.logits(x.flip(2))) / 2)


def test_six_views_are_the_image_and_its_shifts_by_a_pixel() -> None:
    x = random_images(4, (8, 8, 1))
    padded = torch.from_numpy(np.pad(x.numpy(), ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect"))
    with torch.inference_mode():
        two, six = (classifier_of("fast", views=views).logits for views in (2, 6))
        expected = 0.5 * two(x) + 0.25 * two(padded[:, :-2, :-2]) + 0.25 * two(padded[:, 2:, 2:])
        torch.testing.assert_close(six(x), expected)
        assert not torch.allclose(six(x), two(x), atol=1e-4)


def test_the_whitening_stem_makes_patches_uncorrelated() -> None:
    classifier = classifier_of("fast", (8, 8, 3))
    assert isinstance(classifier.net, FastNet)
    x = random_images(200, (8, 8, 3)).float()
    smooth = ((x + x.roll(1, 1) + x.roll(1, 2)) / 3).to(torch.uint8)
    standardised = classifier.standardise(smooth)

    def second_moment() -> Tensor:
        assert isinstance(classifier.net, FastNet)
        with torch.inference_mode():
            out = classifier.net.whitening(standardised)[:, :12]
        flat = out.permute(0, 2, 3, 1).reshape(-1, 12)
        product: Tensor = flat.T @ flat / len(flat)
        return product

    assert (second_moment() - torch.eye(12)).abs().max() > 0.1, "not so before"
    classifier.net.whiten(standardised)
    torch.testing.assert_close(second_moment(), torch.eye(12), rtol=0, atol=0.02)
    weight = classifier.net.whitening.weight
    assert torch.equal(weight[12:], -weight[:12])
    assert not weight.requires_grad


def test_a_seed_gives_the_same_weights() -> None:
    one, same = (classifier_of("classic").state_dict() for _ in range(2))
    assert all(torch.equal(one[key], same[key]) for key in one)


def test_what_is_unknown_is_refused() -> None:
    with pytest.raises(ValueError, match="'deep' is unknown: fast, classic, resnet18"):
        classifier_of("deep")
    with pytest.raises(ValueError, match="views is 3"):
        classifier_of("fast", views=3)
    with pytest.raises(ValueError, match="'lion' is unknown: muon, sgd, adam, rmsprop"):
        optimizers_of(nn.Linear(2, 2), "lion")


def test_a_model_that_is_not_there_names_the_stage(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run `dvc repro train` first"):
        load_classifier(tmp_path / "model.safetensors", tmp_path / "model_config.json")


def optimizers_of(
    net: nn.Module, name: str, *, learning_rate: float = 0.01, weight_decay: float = 1e-4
) -> list[Optimizer]:
    settings = OptimizerSettings(learning_rate=learning_rate, weight_decay=weight_decay, batch_size=50)
    return build_optimizers(net, name, settings)


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


def test_muon_keeps_the_norm_and_steps_by_the_rate() -> None:
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
def test_the_rate_rises_and_falls_in_a_line(warmup: float, done: float, share: float) -> None:
    optimizers = optimizers_of(classifier_of("classic").net, "adam")
    set_rates(optimizers, done=done, warmup=warmup)
    assert optimizers[0].param_groups[0]["lr"] == pytest.approx(0.01 * share)


def test_the_stem_stops_where_it_is_told_to() -> None:
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


def test_muons_weight_decay_is_airbenchs() -> None:
    sgd, muon = optimizers_of(classifier_of("fast").net, "muon")
    for group in sgd.param_groups:
        assert group["lr"] * group["weight_decay"] == pytest.approx(50 * 1e-4)
    assert "weight_decay" not in muon.param_groups[0], "filters are kept at a norm instead"


def test_sgds_weight_decay_is_the_share_removed_per_image_in_the_long_run() -> None:
    # before momentum, as everybody's: a step of momentum 0.9 moves ten times its gradient in the end
    (sgd,) = optimizers_of(nn.Linear(4, 3), "sgd")
    (group,) = sgd.param_groups
    assert group["lr"] * group["weight_decay"] == pytest.approx(50 * 1e-4)
    assert (group["momentum"], group["nesterov"]) == (0.9, True)


def test_resnet18_is_torchvisions_with_a_stem_for_small_images() -> None:
    classifier = classifier_of("resnet18", (32, 32, 3))
    # 11,173,962 with 10 classes: the figure known for CIFAR-10; 512 weights and a bias less a class
    assert sum(weight.numel() for weight in classifier.net.parameters()) == 11_173_962 - 5 * 513
    maps: list[torch.Size] = []
    for layer in ("layer1", "layer2", "layer3", "layer4"):
        classifier.net.get_submodule(layer).register_forward_hook(
            lambda module, inputs, out: maps.append(out.shape[2:])
        )
    with torch.inference_mode():
        classifier(random_images(2, (32, 32, 3)))
    assert [side for side, _ in maps] == [32, 16, 8, 4]


def test_dirac_convolutions_begin_by_passing_their_input_on() -> None:
    x = torch.randn(2, 6, 5, 5, generator=torch.Generator().manual_seed(0))
    for dirac in (True, False):
        torch.manual_seed(0)
        block = ConvolutionBlock(6, 10, convolutions=2, dirac=dirac, activation="gelu")
        with torch.inference_mode():
            assert torch.allclose(block.conv1(x)[:, :6], x) is dirac


def test_a_third_convolution_has_a_shortcut() -> None:
    torch.manual_seed(0)
    block = ConvolutionBlock(4, 6, convolutions=3, dirac=True, activation="gelu").eval()
    x = torch.randn(2, 4, 8, 8)
    with torch.inference_mode():
        first = F.gelu(block.norm1(F.max_pool2d(block.conv1(x), 2)))
        second = F.gelu(block.norm2(block.conv2(first)))
        expected = F.gelu(block.norm3(block.conv3(second)) + first)
        torch.testing.assert_close(block(x), expected)


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


def test_hard_swish_stands_in_for_gelu() -> None:
    x = torch.linspace(-6, 6, 1001)
    activation, scale = ACTIVATIONS["hardswish"]
    assert float((activation(scale * x) / scale - F.gelu(x)).abs().max()) < 0.13
    torch.manual_seed(0)
    config: dict[str, Any] = {"channels": 3, "classes": 4, "widths": [8, 16], "dropout": 0.0}
    config |= {"convolutions": 3, "whitening": True, "dirac": True}
    images, answers = torch.randn(64, 3, 16, 16), []
    for name in ("gelu", "hardswish"):
        torch.manual_seed(1)
        net = FastNet(**config, activation=name)
        net.whiten(images)
        with torch.no_grad():
            answers.append(net.train()(images).flatten())
    assert float(torch.corrcoef(torch.stack(answers))[0, 1]) > 0.99
