"""ResNet-18, with a stem for small images or the paper's for large ones."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from darkroom.models.networks.layers import BatchNorm, Dropout
from darkroom.models.networks.net import LastMaps, Net

LARGE_PIXELS = 96 * 96  # of an image, from which on the stem is the one for large images


class ResNet18(Net):
    """torchvision's ResNet-18 (He et al. 2015, arXiv:1512.03385).

    The stem for images of fewer than `LARGE_PIXELS` is the paper's for CIFAR: a 3x3 convolution of stride 1
    and no pooling. Larger ones get its stem for ImageNet, a 7x7 convolution and a pooling of stride 2 each:
    the other would take 16 times the time and memory for them.
    """

    def __init__(self, *, channels: int, classes: int, dropout: float, height: int, width: int) -> None:
        super().__init__()
        from torchvision.models import resnet  # imported here: it takes seconds, and only this net needs it

        net = resnet.resnet18(num_classes=classes, norm_layer=BatchNorm)
        large = height * width >= LARGE_PIXELS
        self.stride = 32 if large else 8
        kernel, step = (7, 2) if large else (3, 1)
        self.conv1 = nn.Conv2d(channels, 64, kernel, stride=step, padding=kernel // 2, bias=False)
        self.maxpool = net.maxpool if large else nn.Identity()
        self.bn1, self.relu = net.bn1, net.relu
        self.layer1, self.layer2, self.layer3, self.layer4 = net.layer1, net.layer2, net.layer3, net.layer4
        self.avgpool = net.avgpool
        self.fc = nn.Sequential(Dropout(dropout), net.get_submodule("fc"))

    def forward(self, x: Tensor) -> Tensor:
        """Standardised images float [B,C,H,W] to logits [B,classes]."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        logits: Tensor = self.fc(torch.flatten(self.avgpool(x), 1))
        return logits

    def last_layer(self) -> nn.Linear:
        """Return the linear layer after the dropout."""
        layer = self.fc[1]
        assert isinstance(layer, nn.Linear)
        return layer

    def last_maps(self, height: int, width: int) -> LastMaps:
        """Describe what the last group of layers returns; a channel's mean is pooled."""
        # every kernel is odd and padded by half of it, so that the first place is centred on the first pixel
        stride = self.stride
        rows, columns = ([0.5 + stride * i for i in range(-(-size // stride))] for size in (height, width))
        weight = self.last_layer().weight.detach()
        return LastMaps("layer4", weight, takes_maximum=False, rows=rows, columns=columns)


def build(config: Mapping[str, Any]) -> ResNet18:
    """Build the net that `config` (models/model_config.json) describes."""
    keys = ("channels", "dropout", "height", "width")
    return ResNet18(classes=len(config["classes"]), **{key: config[key] for key in keys})
