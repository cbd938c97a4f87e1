"""Bloom-filter codes (Cisse et al. 2013): a few bits of a short code stand for each label."""

import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.models.feature_heads.feature_head import FeatureHead

SUREST = 1e-6  # chance that a label is not there whose bits are all certain


class Bloom(FeatureHead):
    """A linear layer to the bits of a code, which is decoded to labels.

    Cisse, Usunier, Artières and Gallinari 2013, "Robust Bloom filters for large multilabel classification
    tasks" (NIPS 26), with their standard Bloom filter, without the clusters of labels: an image's code has
    every bit of each of its labels, and it has a label if all bits of this label are on. Here that is said in
    probabilities: that of a label is the product of those of its bits, so that bits that are certain decode
    exactly as published.

    Cost: one row of the layer for each bit, of which there are far fewer than labels where there are
    thousands; decoding takes one sum of a few numbers for each label. No limit in labels.

    Attributes:
        layer: from features to the logits of the bits, [M,F+1], whose last column is the bias.
        bits: the bits of each label, int64 [L,K].
    """

    layer: Tensor
    bits: Tensor

    def __init__(self, layer: Tensor, bits: Tensor) -> None:
        super().__init__()
        self.keep(layer=layer, bits=bits.long())

    def forward(self, features: Tensor) -> Tensor:
        """Standardised features [B,F] to logits [B,L]."""
        return decoded(F.linear(features, self.layer[:, :-1], self.layer[:, -1]), self.bits)


def decoded(logits: Tensor, bits: Tensor) -> Tensor:
    """Return the logit of each label [B,L], of logits [B,M] of the bits of a code; `bits` is int64 [L,K].

    >>> on, off = 20.0, -20.0
    >>> labels = torch.tensor([[0, 1], [1, 2], [0, 2]])
    >>> (decoded(torch.tensor([[on, on, off]]), labels) > 0).tolist()
    [[True, False, False]]
    """
    each = F.logsigmoid(logits)[:, bits.flatten()]
    chance = each.reshape(-1, *bits.shape).sum(2).clamp(max=-SUREST)  # its logarithm
    return chance - torch.log(-torch.expm1(chance))
