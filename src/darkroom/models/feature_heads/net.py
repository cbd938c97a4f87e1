"""A frozen backbone with a fitted head on its features."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from darkroom.models.backbones import BACKBONES
from darkroom.models.backbones.backbone import Trunk
from darkroom.models.backbones.net import TrunkNet
from darkroom.models.feature_heads import FEATURE_HEADS
from darkroom.models.feature_heads.feature_head import FeatureHead


class FeaturesNet(TrunkNet):
    """A trunk that never learns, and a head on the means of its maps, which are standardised.

    There are no heat maps: the logits are no sum of parts that belong to places.

    Attributes:
        head: None until it is fitted.
        mean: of each feature of the training images, [F].
        rate: 1 over its standard deviation, [F]; 0 for a constant feature, which has no part.
    """

    head: FeatureHead | None
    mean: Tensor
    rate: Tensor

    def __init__(self, trunk: Trunk, head: FeatureHead | None, *, features: int, labels: int) -> None:
        super().__init__(trunk)
        self.labels = labels
        self.register_module("head", head)
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("rate", torch.ones(features))
        self.pooled = nn.Identity()  # its input is the image's embedding, as it is with a linear layer

    def forward(self, x: Tensor) -> Tensor:
        """Standardised images float [B,C,H,W] to logits [B,labels].

        Raises ValueError before the head is fitted.
        """
        features = self.pooled(self.features(x))
        logits: Tensor = self.fitted_head()((features - self.mean) * self.rate)
        return logits

    def fitted_head(self) -> FeatureHead:
        """Return the head; raises ValueError before it is fitted."""
        if self.head is None:
            raise ValueError("the head is not fitted: run `train_feature_head` first")
        return self.head

    def outputs(self) -> int:
        """Return how many labels there are."""
        return self.labels

    def embedding_layer(self) -> nn.Module:
        """Return the layer whose input is the mean of each of the trunk's maps, [B,F]."""
        return self.pooled


def build(config: Mapping[str, Any]) -> FeaturesNet:
    """Build the net that `config` (models/model_config.json) describes, with fresh weights.

    Its head is None where `config` has no `head_shapes`: before it is fitted. Raises ValueError for an
    unknown backbone or head.
    """
    name, head = config["backbone"]["name"], config["head"]
    for kind, key, known in (("backbone", name, BACKBONES), ("head", head, FEATURE_HEADS)):
        if key not in known:
            raise ValueError(f"{kind} {key!r} is unknown: {', '.join(known)}")
    empty = None
    if "head_shapes" in config:
        buffers = {key: torch.zeros(shape) for key, shape in config["head_shapes"].items()}
        empty = FEATURE_HEADS[head](**buffers)
    backbone = BACKBONES[name]
    return FeaturesNet(backbone.build(), empty, features=backbone.features, labels=len(config["classes"]))
