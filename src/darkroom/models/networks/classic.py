"""The textbook CNN."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.models.networks.layers import Dropout
from darkroom.models.networks.net import Net

MOST_CELLS = 8  # a side of the maps that the fully connected layers get, at most


class ClassicNet(Net):
    """The textbook CNN: convolutions with ReLU and max-pooling, then fully connected layers with dropout.

    It has no heat maps: the fully connected layers mix all places.
    """

    def __init__(
        self,
        *,
        channels: int,
        classes: int,
        widths: Sequence[int],
        dropout: float,
        hidden: int,
        height: int,
        width: int,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for channels_in, channels_out in zip([channels, *widths[:-1]], widths, strict=True):
            layers += [nn.Conv2d(channels_in, channels_out, 3, padding=1), nn.ReLU()]
            layers += [nn.Conv2d(channels_out, channels_out, 3, padding=1), nn.ReLU()]
            if min(height, width) >= 2:
                layers += [nn.MaxPool2d(2)]
                height, width = height // 2, width // 2
        while max(height, width) > MOST_CELLS:  # else the next layer has a billion weights at 512 pixels
            across, down = (2 if side > MOST_CELLS else 1 for side in (width, height))
            layers += [nn.MaxPool2d((down, across))]
            height, width = height // down, width // across
        self.features = nn.Sequential(*layers)
        self.grid = (height, width)
        self.hidden = nn.Linear(widths[-1] * height * width, hidden)
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Standardised images float [B,C,H,W] to logits [B,classes]."""
        x = self.features(x)
        # in epochs of low resolution; the fully connected layers require one size
        if tuple(x.shape[2:]) != self.grid:
            x = F.adaptive_avg_pool2d(x, self.grid)
        x = self.dropout(F.relu(self.hidden(x.flatten(1))))
        logits: Tensor = self.head(x)
        return logits

    def last_layer(self) -> nn.Linear:
        """Return the second of the fully connected layers."""
        return self.head


def build(config: Mapping[str, Any]) -> ClassicNet:
    """Build the net that `config` (models/model_config.json) describes."""
    keys = ("channels", "widths", "dropout", "hidden", "height", "width")
    return ClassicNet(classes=len(config["classes"]), **{key: config[key] for key in keys})
