"""How heads on features are fitted that are no linear layer, one file a method, found in `FITS` by its name.

Each takes standardised features float64 [N,F], labels int8 or int64 [N,L] (1, 0, or -1 for unknown) and a
seed, and yields for each of its strengths, strongest first, the fitted head. What the heads compute is in
`darkroom.models.feature_heads`.
"""

from collections.abc import Callable, Iterator

from torch import Tensor

from darkroom.models.feature_heads.feature_head import FeatureHead
from darkroom.training.feature_heads import bloom, kernel_cca, metric, sleec
from darkroom.training.head import STRENGTHS
from darkroom.training.label_heads.regression import RIDGES

FitHeads = Callable[[Tensor, Tensor, int], Iterator[tuple[float, FeatureHead]]]

# The strengths of each, and what yields its heads.
FITS: dict[str, tuple[tuple[float, ...], FitHeads]] = {
    "bloom": (STRENGTHS, bloom.bloom),
    "sleec": (RIDGES, sleec.sleec),
    "kernel_cca": (RIDGES, kernel_cca.kernel_cca),
    "metric": (metric.STRENGTHS, metric.metric),
}
