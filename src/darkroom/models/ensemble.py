"""An ensemble as one net: the weighted mean of what several nets give for the same image."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from darkroom.models.backbones import net as backbone_net
from darkroom.models.backbones.net import TrunkNet
from darkroom.models.networks import build_net
from darkroom.models.networks.net import LastMaps, Net
from darkroom.models.resampling import Resample


class ScratchMember(Net):
    """A net that was trained from scratch on images of its own size and standardisation.

    Args:
        net: standardised images float [B,C,h,w] to logits [B,classes].
        resample: resizes images to the size that it was trained on.
        scale: multiplies each channel of images as the ensemble standardises them, to standardise them as
            the net was trained, [C].
        shift: is added then, [C].
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, net: Net, resample: Resample, *, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.net, self.resample = net, resample
        self.register_buffer("scale", scale.view(1, -1, 1, 1), persistent=False)
        self.register_buffer("shift", shift.view(1, -1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Images float [B,C,H,W] as the ensemble standardises them to logits [B,classes]."""
        logits: Tensor = self.net(self.resample(x) * self.scale + self.shift)
        return logits

    def last_layer(self) -> nn.Linear:
        """Return the linear layer of the net."""
        return self.net.last_layer()


class EnsembleNet(Net):
    """Several nets, of whose probabilities the logarithm of the weighted mean is taken.

    So its logits are log-probabilities, and the temperature of a classifier calibrates all members as one.
    Embedding and heat maps are those of the first member alone.

    Attributes:
        members: the nets, each from standardised images float [B,C,H,W] to logits [B,classes].
        log_shares: the logarithm of the weight of each, [members,1,1].
        temperatures: by which the logits of each are divided, so that members of different confidence can be
            averaged, [members,1,1].

    Raises ValueError where there are not as many weights as members, or where they are not above 0 with a sum
    of 1.
    """

    log_shares: Tensor
    temperatures: Tensor

    def __init__(
        self, members: Sequence[Net], shares: Sequence[float], temperatures: Sequence[float]
    ) -> None:
        super().__init__()
        wide = torch.tensor(shares, dtype=torch.float64)
        if len(members) != len(shares) or not bool((wide > 0).all()) or abs(wide.sum().item() - 1) > 1e-6:
            raise ValueError(
                f"the weights of {len(members)} members are {list(shares)}: each needs one above 0, and "
                "their sum has to be 1"
            )
        self.members = nn.ModuleList(members)
        self.register_buffer("log_shares", wide.log().float().view(-1, 1, 1), persistent=False)
        self.register_buffer("temperatures", torch.tensor(temperatures).view(-1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Standardised images float [B,C,H,W] to log-probabilities float32 [B,classes]."""
        logits = torch.stack([member(x).float() for member in self.members])
        return torch.logsumexp((logits / self.temperatures).log_softmax(2) + self.log_shares, 0)

    def extra_repr(self) -> str:
        """Return weights and temperatures, for people and for what is kept by them."""
        return f"{self.log_shares.flatten().tolist()}, {self.temperatures.flatten().tolist()}"

    @property
    def first(self) -> Net:
        """The first member, whose are embedding and heat maps."""
        member = self.members[0]
        assert isinstance(member, Net)
        return member

    def outputs(self) -> int:
        """Return how many logits an image has."""
        return self.first.outputs()

    def embedding_layer(self) -> nn.Module:
        """Return the layer whose input is the embedding: that of the first member."""
        return self.first.embedding_layer()

    def last_maps(self, height: int, width: int) -> LastMaps | None:
        """Describe the last feature maps of the first member for images of this size in pixels."""
        last = self.first.last_maps(height, width)
        if last is None:
            return None
        return LastMaps(
            f"members.0.{last.layer}",
            last.weight,
            takes_maximum=last.takes_maximum,
            rows=last.rows,
            columns=last.columns,
        )


def build(config: Mapping[str, Any]) -> EnsembleNet:
    """Build the ensemble that `config` (models/model_config.json) describes, with fresh weights.

    Its `ensemble` has an object for each member: `share`, its weight; `temperature`, by which its logits are
    divided; and `changes`, what differs in its own configuration. A member with `from_scratch` among them is
    a net without a backbone. Members whose backbone is as it was published share one trunk.

    Raises ValueError for an unknown backbone or architecture, or for weights that `EnsembleNet` refuses.
    """
    whole = {key: value for key, value in config.items() if key != "ensemble"}
    members = [build_member(whole, member["changes"]) for member in config["ensemble"]]
    share_trunk(members, config["ensemble"])
    shares, temperatures = (
        [member[key] for member in config["ensemble"]] for key in ("share", "temperature")
    )
    return EnsembleNet(members, shares, temperatures)


def build_member(config: Mapping[str, Any], changes: Mapping[str, Any]) -> Net:
    """Build one member, with fresh weights: `changes` is what differs from the whole's configuration."""
    own = {**config, **changes}
    if not changes.get("from_scratch"):
        return backbone_net.build(own)
    return scratch_member(build_net(own), config, changes)


def scratch_member(net: Net, config: Mapping[str, Any], changes: Mapping[str, Any]) -> ScratchMember:
    """Return a net that was trained from scratch as a member of the whole that `config` describes.

    `changes` has its `height`, `width`, `mean` and `std`.
    """
    mean, std, of_all, by_all = (
        torch.tensor(value) for value in (changes["mean"], changes["std"], config["mean"], config["std"])
    )
    before, after = ((about["height"], about["width"]) for about in (config, changes))
    return ScratchMember(net, Resample(before, after), scale=by_all / std, shift=(of_all - mean) / std)


def share_trunk(members: Sequence[Net], described: Sequence[Mapping[str, Any]]) -> None:
    """Let all members on the backbone as it was published have the trunk of the first of them.

    The others keep it as a plain attribute, so that its weights are stored, moved and counted once.
    """
    frozen = [
        member
        for member, about in zip(members, described, strict=True)
        if isinstance(member, TrunkNet) and about["changes"].get("tune_backbone", "none") == "none"
    ]
    for member in frozen[1:]:
        del member.trunk
        member.__dict__["trunk"] = frozen[0].trunk
