"""A frozen backbone with a linear layer: its shapes, its geometry, its export and its heat maps."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from darkroom.config.model import Model
from darkroom.models.backbones import BACKBONES
from darkroom.models.backbones.efficientnet_lite0 import EfficientNetLite0, same_padding
from darkroom.models.backbones.net import BackboneNet, LateNet
from darkroom.models.classifier import build_classifier
from darkroom.models.exporting.onnx_graph import export_onnx
from darkroom.models.exporting.parity import parity
from darkroom.models.heatmaps import GRID, with_heat_maps
from tests.helpers.backbones import LITE0, SIDE, backbone_classifier, coloured, random_weights


def test_every_backbone_can_be_named() -> None:
    assert {*BACKBONES, "none"} == set(get_args(Model.model_fields["backbone"].annotation))


def test_it_has_the_published_number_of_weights() -> None:
    with torch.device("meta"):
        weights = sum(weight.numel() for weight in EfficientNetLite0().parameters())
    assert weights + 1280 * 1000 + 1000 == 4_652_008  # 4.7 million, the classes of ImageNet included


@pytest.mark.parametrize(("height", "width"), [(32, 32), (37, 64), (33, 95)])
@torch.inference_mode()
def test_maps_have_a_place_for_every_32_pixels(height: int, width: int) -> None:
    net = EfficientNetLite0().eval()
    maps = net(torch.zeros(1, 3, height, width))
    assert maps.shape == (1, 1280, len(net.centres(height)), len(net.centres(width)))
    assert maps.shape[2:] == (-(-height // 32), -(-width // 32))


@pytest.mark.parametrize(
    ("size", "kernel", "stride"), [(160, 3, 2), (15, 3, 2), (10, 5, 2), (7, 5, 2), (9, 3, 1)]
)
def test_padding_gives_each_edge_the_size_of_tensorflow(size: int, kernel: int, stride: int) -> None:
    before, after = same_padding(size, kernel=kernel, stride=stride)
    assert after - before in (0, 1)
    assert (size + before + after - kernel) // stride + 1 == -(-size // stride)


@pytest.mark.parametrize("size", [96, 100])
def test_centres_are_where_a_place_looks(tmp_path: Path, size: int) -> None:
    """The gradient of a place, with all weights positive, is symmetric about its centre."""
    net = EfficientNetLite0().eval().double()
    for name, weight in net.named_parameters():
        weight.data.fill_(
            1.0 if "norm.weight" in name else 0.0 if "norm.bias" in name else 1 / weight[0].numel()
        )
    net.requires_grad_(False)
    for module in net.modules():
        if hasattr(module, "linear"):
            module.linear = True  # type: ignore[assignment]  # without ReLU6, which saturates
    wide = 1024 + size % 32  # the edges are far from a place in the middle
    x = torch.zeros(1, 3, wide, 64, dtype=torch.float64, requires_grad=True)
    place = len(net.centres(wide)) // 2
    net(x)[0, :, place].sum().backward()
    assert x.grad is not None
    rows = x.grad.abs().sum((0, 1, 3))
    middle = float((rows * (torch.arange(wide) + 0.5)).sum() / rows.sum())
    assert middle == pytest.approx(net.centres(wide)[place], abs=0.6)


@pytest.mark.parametrize("channels", [1, 3])
@torch.inference_mode()
def test_grey_images_are_repeated_to_three_channels(tmp_path: Path, channels: int) -> None:
    split = coloured(3, channels=channels)
    classifier, config = backbone_classifier(random_weights(tmp_path), split)
    assert classifier.mean.shape == (1, channels, 1, 1)
    images = torch.from_numpy(split.images)
    net = classifier.eval().net
    assert isinstance(net, BackboneNet)
    x = (images.expand(-1, -1, -1, 3).permute(0, 3, 1, 2).float() - 127) / 128
    torch.testing.assert_close(net.features(classifier.standardise(images)), net.trunk(x).mean((2, 3)))
    assert config["architecture"] == "efficientnet_lite0"


def test_other_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="1 or 3 channels, not of 4"):
        LITE0.standardisation(4)


def test_training_mode_leaves_the_trunk_alone(tmp_path: Path) -> None:
    classifier, _ = backbone_classifier(random_weights(tmp_path), coloured(3))
    net = classifier.train().net
    assert isinstance(net, BackboneNet)
    before = {name: value.clone() for name, value in net.trunk.state_dict().items()}
    net(torch.randn(4, 3, SIDE, SIDE)).sum().backward()
    assert [name for name, weight in net.named_parameters() if weight.grad is not None] == [
        "head.weight",
        "head.bias",
    ]
    assert all(torch.equal(before[name], value) for name, value in net.trunk.state_dict().items())


def test_an_unknown_backbone_is_refused() -> None:
    with pytest.raises(ValueError, match="backbone 'resnet50' is unknown: efficientnet_lite0"):
        build_classifier({"backbone": {"name": "resnet50"}, "classes": ["a"]})


@pytest.mark.ci
@pytest.mark.parametrize(("channels", "views"), [(3, 2), (1, 1)])
def test_the_exported_graph_gives_what_torch_gives(tmp_path: Path, channels: int, views: int) -> None:
    split = coloured(9, channels=channels, side=64)
    classifier, _ = backbone_classifier(random_weights(tmp_path), split, views=views)
    graph = tmp_path / "model.onnx"
    export_onnx(classifier.eval(), graph, height=64, width=64, channels=channels)
    report = parity(classifier, graph, split, tolerance=1e-4)
    assert report["same_class"] == 1.0
    assert report["heat_difference"] < 1e-3


@torch.inference_mode()
def test_heat_maps_add_up_to_the_logits(tmp_path: Path) -> None:
    split = coloured(4, side=64)
    classifier, _ = backbone_classifier(random_weights(tmp_path), split)
    classifier.eval()
    with_heat = with_heat_maps(classifier, height=64, width=64)
    assert with_heat is not None
    images = torch.from_numpy(np.array(split.images))
    net = classifier.net
    assert isinstance(net, BackboneNet)
    logits = classifier.logits(images) - net.head.bias
    evidence = with_heat.by_place(net.trunk(classifier.standardise(images)))
    torch.testing.assert_close(
        evidence.sum((2, 3)), logits - logits.mean(1, keepdim=True), atol=1e-4, rtol=1e-3
    )
    assert with_heat(images)[1].shape == (4, 3, GRID, GRID)


def test_the_parts_one_after_the_other_are_the_trunk() -> None:
    torch.manual_seed(0)
    trunk = EfficientNetLite0().eval()
    x = torch.randn(2, 3, 64, 64)
    assert torch.equal(torch.nn.Sequential(*trunk.parts())(x), trunk(x))
    late = torch.nn.Sequential(*trunk.parts()[: trunk.late])(x)
    assert late.shape == (2, 112, 4, 4)


def test_thawed_parts_learn_and_the_others_do_not() -> None:
    net = BackboneNet(EfficientNetLite0(), features=1280, classes=3)
    net.thaw(net.trunk.late)
    learned = {name for name, weight in net.named_parameters() if weight.requires_grad}
    assert {"head.weight", "trunk.last.conv.weight", "trunk.blocks.11.expand.conv.weight"} <= learned
    assert not any(name.startswith(("trunk.stem", "trunk.blocks.10.")) for name in learned)
    with pytest.raises(ValueError, match="first is 18: the trunk has the parts 0 to 17"):
        net.thaw(18)


def test_the_late_net_has_the_weights_and_the_rates_of_the_whole() -> None:
    net = BackboneNet(EfficientNetLite0(), features=1280, classes=3).eval()
    late, x = LateNet(net, 12).eval(), torch.randn(2, 3, 64, 64)
    maps = torch.nn.Sequential(*net.trunk.parts()[:12])(x)
    assert torch.allclose(late(maps), net(x), atol=1e-6)
    assert late.last_layer() is net.last_layer()
    rates = {id(weight): net.rate_shares().get(name, 1.0) for name, weight in net.named_parameters()}
    for name, weight in late.named_parameters():
        assert late.rate_shares().get(name, 1.0) == rates[id(weight)]
    assert net.rate_shares()["trunk.last.conv.weight"] == pytest.approx(0.85)
    assert net.rate_shares()["trunk.stem.conv.weight"] == pytest.approx(0.85**18)
