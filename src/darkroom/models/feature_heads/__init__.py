"""Heads on a frozen backbone's features that are no linear layer, for several labels: one file a method.

The names are those in params.yaml (model.head). Here belong: what a head computes. Not here: how it is fitted
(`darkroom.training.feature_heads`).
"""

from collections.abc import Callable

from darkroom.models.feature_heads.bloom import Bloom
from darkroom.models.feature_heads.feature_head import FeatureHead

# The constructors take the buffers by name.
FEATURE_HEADS: dict[str, Callable[..., FeatureHead]] = {
    "bloom": Bloom,
}
