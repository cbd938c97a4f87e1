"""Pretrained backbones: one file an architecture, found in `BACKBONES` by its name (model.backbone).

Here belong: what a backbone is and where it comes from, its weights, and the net that puts a linear layer on
it. Not here: how that layer is fitted (`darkroom.training.head`).
"""

from darkroom.models.backbones import efficientnet_lite0
from darkroom.models.backbones.backbone import Backbone

BACKBONES: dict[str, Backbone] = {"efficientnet_lite0": efficientnet_lite0.BACKBONE}
