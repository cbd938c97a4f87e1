"""A frozen backbone, with a linear layer on the means of its last maps or with another head."""

from collections.abc import Mapping
from typing import Any, Self

from torch import Tensor, nn

from darkroom.models.backbones import BACKBONES
from darkroom.models.backbones.backbone import Trunk
from darkroom.models.networks.net import LastMaps, Net


class TrunkNet(Net):
    """A trunk that never learns; what is on it is said by the subclasses."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk = trunk.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        """Set the mode of what is on the trunk; the trunk's batch norms keep their statistics."""
        super().train(mode)
        self.trunk.eval()
        return self

    def maps(self, x: Tensor) -> Tensor:
        """Standardised images float [B,C,H,W] to the trunk's last maps [B,F,h,w].

        C is 1 or 3; one channel is repeated to three.
        """
        if x.shape[1] == 1:
            x = x.expand(-1, 3, -1, -1)
        maps: Tensor = self.trunk(x)
        return maps

    def features(self, x: Tensor) -> Tensor:
        """Standardised images float [B,C,H,W] to features [B,F], the means of the trunk's last maps."""
        return self.maps(x).mean((2, 3))


class BackboneNet(TrunkNet):
    """A trunk that never learns, and a linear layer."""

    def __init__(self, trunk: Trunk, *, features: int, classes: int) -> None:
        super().__init__(trunk)
        self.head = nn.Linear(features, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Standardised images float [B,C,H,W] to logits [B,classes]."""
        logits: Tensor = self.head(self.features(x))
        return logits

    def last_layer(self) -> nn.Linear:
        """Return the linear layer."""
        return self.head

    def last_maps(self, height: int, width: int) -> LastMaps:
        """Describe the trunk's last maps; a channel's mean is pooled."""
        rows, columns = (self.trunk.centres(size) for size in (height, width))
        weight = self.head.weight.detach()
        return LastMaps("trunk", weight, takes_maximum=False, rows=rows, columns=columns)


def build(config: Mapping[str, Any]) -> BackboneNet:
    """Build the net that `config` (models/model_config.json) describes, with fresh weights.

    Raises ValueError for a backbone that is not in `BACKBONES`.
    """
    name = config["backbone"]["name"]
    if name not in BACKBONES:
        raise ValueError(f"backbone {name!r} is unknown: {', '.join(BACKBONES)}")
    backbone = BACKBONES[name]
    return BackboneNet(backbone.build(), features=backbone.features, classes=len(config["classes"]))
