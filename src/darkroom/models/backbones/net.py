"""A backbone, with a linear layer on the means of its last maps or with another head."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from torch import Tensor, nn

from darkroom.models.backbones import BACKBONES
from darkroom.models.backbones.backbone import Trunk
from darkroom.models.networks.net import LastMaps, Net
from darkroom.models.resampling import Resample

# The learning rate of a part of the trunk as a share of that of the part behind it, and of the last part as
# one of the linear layer's: layers near the image are general, and are changed less (Howard & Ruder 2018,
# arXiv:1801.06146, for text; Clark et al. 2020, arXiv:2003.10555, with shares near this one).
RATE_SHARE = 0.85


class TrunkNet(Net):
    """A trunk that learns nothing unless it is thawed; what is on it is said by the subclasses.

    Attributes:
        trunk: the backbone without its last layer.
        resample: resizes the images before the trunk; None leaves them as they are.
    """

    def __init__(self, trunk: Trunk, resample: Resample | None = None) -> None:
        super().__init__()
        self.trunk = trunk.requires_grad_(False).eval()
        self.resample = resample

    def train(self, mode: bool = True) -> Self:
        """Set the mode of what is on the trunk; its batch norms keep their statistics, thawed or not."""
        super().train(mode)
        self.trunk.eval()
        return self

    def maps(self, x: Tensor) -> Tensor:
        """Standardised images float [B,C,H,W] to the trunk's last maps [B,F,h,w].

        C is 1 or 3; one channel is repeated to three.
        """
        if x.shape[1] == 1:
            x = x.expand(-1, 3, -1, -1)
        if self.resample is not None:
            x = self.resample(x)
        maps: Tensor = self.trunk(x)
        return maps

    def features(self, x: Tensor) -> Tensor:
        """Standardised images float [B,C,H,W] to features [B,F], the means of the trunk's last maps."""
        return self.maps(x).mean((2, 3))


class BackboneNet(TrunkNet):
    """A trunk that learns nothing unless it is thawed, and a linear layer."""

    def __init__(
        self, trunk: Trunk, *, features: int, classes: int, resample: Resample | None = None
    ) -> None:
        super().__init__(trunk, resample)
        self.head = nn.Linear(features, classes)

    def thaw(self, first: int) -> None:
        """Let the parts of the trunk from number `first` on learn; those before it stay frozen.

        Raises ValueError for a number that is no part's.
        """
        parts = self.trunk.parts()
        if not 0 <= first < len(parts):
            raise ValueError(f"first is {first}: the trunk has the parts 0 to {len(parts) - 1}")
        for number, part in enumerate(parts):
            part.requires_grad_(number >= first)

    def rate_shares(self) -> dict[str, float]:
        """Return the share of the peak learning rate of each weight of the trunk, by its name here."""
        names = {id(weight): name for name, weight in self.named_parameters()}
        shares = part_rate_shares(self.trunk.parts())
        return {names[id(weight)]: share for weight, share in shares}

    def forward(self, x: Tensor) -> Tensor:
        """Standardised images float [B,C,H,W] to logits [B,classes]."""
        logits: Tensor = self.head(self.features(x))
        return logits

    def last_layer(self) -> nn.Linear:
        """Return the linear layer."""
        return self.head

    def last_maps(self, height: int, width: int) -> LastMaps:
        """Describe the trunk's last maps; a channel's mean is pooled."""
        seen = (height, width) if self.resample is None else self.resample.after
        rows, columns = (
            [place * size / shown for place in self.trunk.centres(shown)]
            for size, shown in zip((height, width), seen, strict=True)
        )
        weight = self.head.weight.detach()
        return LastMaps("trunk", weight, takes_maximum=False, rows=rows, columns=columns)


class LateNet(Net):
    """The parts of a `BackboneNet` from one on, and its linear layer; the weights are the same objects.

    Args:
        net: whose parts they are.
        first: number of the first of them.
    """

    def __init__(self, net: BackboneNet, first: int) -> None:
        super().__init__()
        self.parts = nn.Sequential(*net.trunk.parts()[first:])
        self.head = net.head

    def train(self, mode: bool = True) -> "LateNet":
        """Set the mode of the linear layer; batch norms keep their statistics."""
        super().train(mode)
        self.parts.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Maps float [B,C,h,w] at the entrance of the first part to logits [B,classes]."""
        logits: Tensor = self.head(self.parts(x).mean((2, 3)))
        return logits

    def last_layer(self) -> nn.Linear:
        """Return the linear layer."""
        return self.head

    def rate_shares(self) -> dict[str, float]:
        """Return the share of the peak learning rate of each weight of the parts, by its name here."""
        names = {id(weight): name for name, weight in self.named_parameters()}
        return {names[id(weight)]: share for weight, share in part_rate_shares(list(self.parts))}


def part_rate_shares(parts: Sequence[nn.Module]) -> list[tuple[nn.Parameter, float]]:
    """Return each weight of `parts`, the last of which is before the linear layer, and its share of the rate.

    >>> [share for _, share in part_rate_shares([nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)])]
    [0.7224999999999999, 0.85]
    """
    count = len(parts)
    return [
        (weight, RATE_SHARE ** (count - number))
        for number, part in enumerate(parts)
        for weight in part.parameters()
    ]


def build(config: Mapping[str, Any]) -> BackboneNet:
    """Build the net that `config` (models/model_config.json) describes, with fresh weights.

    With `seen_at` in it, a height and a width, the images are resized to that before the trunk. Raises
    ValueError for a backbone that is not in `BACKBONES`.
    """
    name = config["backbone"]["name"]
    if name not in BACKBONES:
        raise ValueError(f"backbone {name!r} is unknown: {', '.join(BACKBONES)}")
    backbone = BACKBONES[name]
    resample = None
    if "seen_at" in config:
        height, width = config["seen_at"]
        resample = Resample((config["height"], config["width"]), (height, width))
    classes = len(config["classes"])
    return BackboneNet(backbone.build(), features=backbone.features, classes=classes, resample=resample)
