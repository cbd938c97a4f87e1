"""Linear heads that embed labels, one file a method, found in `LABEL_HEADS` by its name in params.yaml.

Each takes standardised features float64 [N,F], labels int64 [N,L] (1, 0, or -1 for unknown) and a seed, and
yields for each of its strengths, strongest first, the layer float64 [L,F+1] from features to logits, whose
last column is the bias. Labels are embedded in few dimensions; since images are embedded linearly, what comes
out is a linear layer of low rank, so that everything after training stays as it is.
"""

from collections.abc import Callable, Iterator

from torch import Tensor

from darkroom.training.label_heads import cca, devise, principal_labels, regression, wsabie

FitLayers = Callable[[Tensor, Tensor, int], Iterator[tuple[float, Tensor]]]

# The strengths of each, and what yields their layers.
LABEL_HEADS: dict[str, tuple[tuple[float, ...], FitLayers]] = {
    "wsabie": (wsabie.STRENGTHS, wsabie.wsabie),
    "devise": (devise.STRENGTHS, devise.devise),
    "cca": (regression.RIDGES, cca.cca),
    "principal_labels": (regression.RIDGES, principal_labels.principal_labels),
}
