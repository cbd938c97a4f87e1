"""ML-Decoder (Ridnik et al. 2021, arXiv:2111.12933): a query for each group of labels looks at the places."""

import math

import torch
from torch import Tensor, nn

from darkroom.models.heads.maps_head import MapsHead

WIDTH, INNER, ATTENTION_HEADS = 128, 256, 8
GROUPS = 100  # queries at most, as published: of more labels several share one
DROPOUT = 0.1


class MlDecoder(MapsHead):
    """Fixed queries, attention to the places of the maps, and a linear layer of each query's own.

    The published decoder without self-attention between the queries, which are drawn and never learn. With
    up to 100 labels each has a query; more labels are divided evenly among 100 queries ("group decoding").
    It is narrower than published (128 for 768): the backbone is frozen and images are few.

    Cost: queries times places; it grows with the labels up to 100, then only by the last layer. Limits: none
    in labels. There are no heat maps: attention says where a query looks, not what speaks for a label.
    """

    def __init__(self, *, features: int, labels: int) -> None:
        super().__init__()
        groups = min(GROUPS, labels)
        self.labels, self.each = labels, math.ceil(labels / groups)
        self.narrow = nn.Sequential(nn.Linear(features, WIDTH), nn.ReLU())
        self.register_buffer("queries", torch.randn(groups, WIDTH))
        self.queries: Tensor
        self.first_norm = nn.LayerNorm(WIDTH)
        self.attention = nn.MultiheadAttention(WIDTH, ATTENTION_HEADS, dropout=DROPOUT, batch_first=True)
        self.second_norm, self.third_norm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.inner = nn.Sequential(
            nn.Linear(WIDTH, INNER), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(INNER, WIDTH)
        )
        self.drop = nn.Dropout(DROPOUT)
        self.weight = nn.Parameter(torch.randn(groups, WIDTH, self.each) / math.sqrt(WIDTH))
        self.bias = nn.Parameter(torch.zeros(labels))

    def forward(self, maps: Tensor) -> Tensor:
        """Maps float [B,F,h,w] to logits [B,L]."""
        places = self.narrow(maps.flatten(2).transpose(1, 2))
        queries = self.first_norm(self.queries).expand(maps.shape[0], -1, -1)
        looked, _ = self.attention(queries, places, places, need_weights=False)
        found = self.second_norm(queries + self.drop(looked))
        found = self.third_norm(found + self.drop(self.inner(found)))
        logits = torch.einsum("bgd,gde->bge", found, self.weight).flatten(1)
        return logits[:, : self.labels] + self.bias
