"""ResNet-18 for small images."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from darkroom.models.networks.layers import BatchNorm, Dropout


def resnet18(*, channels: int, classes: int, dropout: float) -> nn.Module:
    """Build torchvision's ResNet-18 (He et al. 2015, arXiv:1512.03385) for small images.

    Its stem is the paper's for CIFAR: a 3x3 convolution of stride 1 and no pooling.
    """
    from torchvision.models import resnet  # imported here: it takes seconds, and only this net needs it

    net: nn.Module = resnet.resnet18(num_classes=classes, norm_layer=BatchNorm)
    net.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
    net.maxpool = nn.Identity()
    net.fc = nn.Sequential(Dropout(dropout), net.get_submodule("fc"))
    return net


def build(config: Mapping[str, Any]) -> nn.Module:
    """Build the net that `config` (models/model_config.json) describes."""
    return resnet18(channels=config["channels"], classes=len(config["classes"]), dropout=config["dropout"])
