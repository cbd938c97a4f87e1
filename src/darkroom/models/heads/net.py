"""A frozen backbone with a head on its last maps."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from darkroom.models.backbones import BACKBONES
from darkroom.models.backbones.backbone import Trunk
from darkroom.models.backbones.net import TrunkNet
from darkroom.models.heads import HEADS
from darkroom.models.heads.maps_head import MapsHead
from darkroom.models.networks.net import LastMaps


class MapsNet(TrunkNet):
    """A trunk that never learns, and a head on its maps, each of which is standardised.

    Attributes:
        mean: of each of the trunk's maps over the places of the training images, [1,F,1,1].
        scale: their standard deviation, of the same shape.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, trunk: Trunk, head: MapsHead, *, features: int, labels: int) -> None:
        super().__init__(trunk)
        self.head, self.labels = head, labels
        self.register_buffer("mean", torch.zeros(1, features, 1, 1))
        self.register_buffer("scale", torch.ones(1, features, 1, 1))
        self.pooled = nn.Identity()  # its input is the image's embedding, as it is with a linear layer

    def standardised(self, maps: Tensor) -> Tensor:
        """Maps of the trunk float [B,F,h,w] to what the head is given, of the same shape."""
        return (maps - self.mean) / self.scale

    def of_maps(self, maps: Tensor) -> Tensor:
        """Maps of the trunk float [B,F,h,w] to logits [B,labels]."""
        logits: Tensor = self.head(self.standardised(maps))
        return logits

    def forward(self, x: Tensor) -> Tensor:
        """Standardised images float [B,C,H,W] to logits [B,labels]."""
        maps = self.maps(x)
        self.pooled(maps.mean((2, 3)))
        return self.of_maps(maps)

    def outputs(self) -> int:
        """Return how many labels there are."""
        return self.labels

    def embedding_layer(self) -> nn.Module:
        """Return the layer whose input is the mean of each of the trunk's maps, [B,F]."""
        return self.pooled

    def last_maps(self, height: int, width: int) -> LastMaps | None:
        """Describe the trunk's last maps where the head's logits are sums over them; None where not."""
        weight = self.head.peak_weight()
        if weight is None:
            return None
        rows, columns = (self.trunk.centres(size) for size in (height, width))
        per_channel = weight.detach() / self.scale.view(1, -1)
        return LastMaps("trunk", per_channel, takes_maximum=True, rows=rows, columns=columns)


def build(config: Mapping[str, Any]) -> MapsNet:
    """Build the net that `config` (models/model_config.json) describes, with fresh weights.

    Raises ValueError for an unknown backbone or head, and UserError where the head refuses labels or maps.
    """
    name, head = config["backbone"]["name"], config["head"]
    for kind, key, known in (("backbone", name, BACKBONES), ("head", head, HEADS)):
        if key not in known:
            raise ValueError(f"{kind} {key!r} is unknown: {', '.join(known)}")
    backbone, labels = BACKBONES[name], len(config["classes"])
    trunk = backbone.build()
    rows, columns = (len(trunk.centres(config[side])) for side in ("height", "width"))
    built = HEADS[head](backbone.features, labels, rows, columns)
    return MapsNet(trunk, built, features=backbone.features, labels=labels)
