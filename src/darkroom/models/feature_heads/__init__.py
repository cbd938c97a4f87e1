"""Heads on a frozen backbone's features that are no linear layer, for several labels: one file a method.

The names are those in params.yaml (model.head). Here belong: what a head computes. Not here: how it is fitted
(`darkroom.training.feature_heads`).
"""

from collections.abc import Callable

from darkroom.models.feature_heads.bloom import Bloom
from darkroom.models.feature_heads.feature_head import FeatureHead
from darkroom.models.feature_heads.kernel_cca import KernelCca
from darkroom.models.feature_heads.metric import Metric
from darkroom.models.feature_heads.sleec import Sleec

# The constructors take the buffers by name.
FEATURE_HEADS: dict[str, Callable[..., FeatureHead]] = {
    "bloom": Bloom,
    "sleec": Sleec,
    "kernel_cca": KernelCca,
    "metric": Metric,
}
