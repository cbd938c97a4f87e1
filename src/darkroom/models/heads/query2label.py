"""Query2Label (Liu et al. 2021, arXiv:2107.10834), small: a learned query for each label."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from darkroom import UserError
from darkroom.models.heads.maps_head import MapsHead

WIDTH, INNER, ATTENTION_HEADS = 128, 256, 4
DROPOUT = 0.1
MOST_LABELS = 1000


class Query2Label(MapsHead):
    """A transformer's decoder: queries attend to each other and to the places, and each gives a logit.

    Attention between the queries comes first and does not depend on the image, so it is computed once a
    batch. One layer of the decoder in place of two, none of the encoder, and 128 channels in place of 2,048.
    Places have the fixed sine encoding of their row and column.

    Cost: attention between the queries compares all pairs of labels, so it is refused for more than 1,000.
    There are no heat maps: attention says where a query looks, not what speaks for a label.

    Raises UserError for more labels.
    """

    def __init__(self, *, features: int, labels: int, rows: int, columns: int) -> None:
        super().__init__()
        if labels > MOST_LABELS:
            raise UserError(
                f"model.head query2label compares all pairs of labels, so it takes {MOST_LABELS:,} at most, "
                f"and there are {labels:,}: set model.head=ml_decoder"
            )
        self.narrow = nn.Linear(features, WIDTH)
        self.register_buffer("encoding", place_encoding(rows, columns, WIDTH), persistent=False)
        self.encoding: Tensor
        self.queries = nn.Parameter(torch.randn(labels, WIDTH) * 0.02)
        how: dict[str, Any] = {"dropout": DROPOUT, "batch_first": True}
        self.relations = nn.MultiheadAttention(WIDTH, ATTENTION_HEADS, **how)
        self.attention = nn.MultiheadAttention(WIDTH, ATTENTION_HEADS, **how)
        self.first_norm, self.second_norm, self.third_norm = (nn.LayerNorm(WIDTH) for _ in range(3))
        self.inner = nn.Sequential(
            nn.Linear(WIDTH, INNER), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(INNER, WIDTH)
        )
        self.drop = nn.Dropout(DROPOUT)
        self.weight = nn.Parameter(torch.randn(labels, WIDTH) / math.sqrt(WIDTH))
        self.bias = nn.Parameter(torch.zeros(labels))

    def forward(self, maps: Tensor) -> Tensor:
        """Maps float [B,F,h,w] to logits [B,L]; h and w are those of the construction."""
        places = self.narrow(maps.flatten(2).transpose(1, 2)) + self.encoding
        queries = self.related().expand(maps.shape[0], -1, -1)
        looked, _ = self.attention(queries, places, places, need_weights=False)
        found = self.second_norm(queries + self.drop(looked))
        found = self.third_norm(found + self.drop(self.inner(found)))
        # a product of matrices: OpenVINO 2026 adds a vector that follows a sum along the wrong axis
        logits: Tensor = torch.einsum("bld,lde->ble", found, self.weight[:, :, None]).flatten(1)
        return logits + self.bias

    def related(self) -> Tensor:
        """Return the queries after attention to each other, [1,L,WIDTH]: the same for all images."""
        queries = self.queries[None]
        others, _ = self.relations(queries, queries, queries, need_weights=False)
        related: Tensor = self.first_norm(queries + self.drop(others))
        return related


def place_encoding(rows: int, columns: int, width: int) -> Tensor:
    """Return sines and cosines of the row and of the column of each place, float32 [rows*columns,width].

    A half of the channels is for the row, the other for the column; `width` is a multiple of 4. The first
    place has sines of 0 and cosines of 1:

    >>> place_encoding(1, 2, 4)[0]
    tensor([0., 1., 0., 1.])
    """
    quarter = width // 4
    rate = 10_000 ** (-torch.arange(quarter) / quarter)
    row, column = (torch.arange(count)[:, None] * rate for count in (rows, columns))
    by_row = torch.cat([row.sin(), row.cos()], dim=1)[:, None].expand(rows, columns, -1)
    by_column = torch.cat([column.sin(), column.cos()], dim=1)[None].expand(rows, columns, -1)
    return torch.cat([by_row, by_column], dim=2).reshape(rows * columns, width)
