"""The networks."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.models.networks.fast import ACTIVATIONS, ConvolutionBlock, FastNet
from tests.helpers.models import classifier_of, random_images

SHAPES = [(32, 32, 3), (8, 8, 1), (12, 9, 3)]


@pytest.mark.parametrize(
    ("architecture", "convolutions"), [("fast", 2), ("fast", 3), ("classic", 2), ("resnet18", 2)]
)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("views", [1, 6])
def test_images_of_any_shape_give_probabilities(
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
    assert probabilities.std(0).max() > 0, "different images, different predictions"
    # the prediction for an image does not depend on its batch
    torch.testing.assert_close(one[0], probabilities[0])


@pytest.mark.parametrize("architecture", ["fast", "classic", "resnet18"])
def test_smaller_images_are_accepted(architecture: str) -> None:
    classifier = classifier_of(architecture, (32, 32, 3))
    with torch.inference_mode():
        assert classifier(random_images(2, (20, 20, 3))).shape == (2, 5)


def test_the_whitening_stem_decorrelates_patches() -> None:
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
    classifier.net.prepare(standardised)
    torch.testing.assert_close(second_moment(), torch.eye(12), rtol=0, atol=0.02)
    weight = classifier.net.whitening.weight
    assert torch.equal(weight[12:], -weight[:12])
    assert not weight.requires_grad


def test_a_seed_gives_the_same_weights() -> None:
    one, same = (classifier_of("classic").state_dict() for _ in range(2))
    assert all(torch.equal(one[key], same[key]) for key in one)


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


def test_resnet18_of_large_images_is_torchvisions_for_imagenet() -> None:
    classifier = classifier_of("resnet18", (96, 200, 3))
    net = classifier.net
    assert sum(weight.numel() for weight in net.parameters()) == 11_689_512 - (1000 - 5) * 513
    maps: list[torch.Size] = []
    net.get_submodule("layer4").register_forward_hook(lambda module, inputs, out: maps.append(out.shape[2:]))
    with torch.inference_mode():
        classifier(random_images(2, (96, 200, 3)))
    last = net.last_maps(96, 200)
    assert last is not None
    assert maps == [(len(last.rows), len(last.columns))] == [(3, 7)]


def test_dirac_convolutions_start_as_identities() -> None:
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


def test_hard_swish_approximates_gelu() -> None:
    x = torch.linspace(-6, 6, 1001)
    activation, scale = ACTIVATIONS["hardswish"]
    assert float((activation(scale * x) / scale - F.gelu(x)).abs().max()) < 0.13
    torch.manual_seed(0)
    config: dict[str, Any] = {"channels": 3, "classes": 4, "widths": [8, 16], "dropout": 0.0}
    config |= {"convolutions": 3, "whitening": True, "dirac": True}
    images, logits = torch.randn(64, 3, 16, 16), []
    for name in ("gelu", "hardswish"):
        torch.manual_seed(1)
        net = FastNet(**config, activation=name)
        net.prepare(images)
        with torch.no_grad():
            logits.append(net.train()(images).flatten())
    assert float(torch.corrcoef(torch.stack(logits))[0, 1]) > 0.99


@pytest.mark.parametrize("shape", [(512, 512, 3), (16, 512, 1), (75, 300, 3)])
def test_the_classic_nets_hidden_layer_stays_small_for_large_images(shape: tuple[int, int, int]) -> None:
    classifier = classifier_of("classic", shape)
    hidden = classifier.net.get_submodule("hidden")
    assert isinstance(hidden, nn.Linear)
    assert hidden.in_features <= 64 * 64  # 8 x 8 cells of the last block's channels
    with torch.inference_mode():
        assert classifier(random_images(1, shape)).shape == (1, 5)
