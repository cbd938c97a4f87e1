"""Spatial regularisation (Zhu et al. 2017, arXiv:1702.05891): relations of labels from maps of attention."""

import torch
from torch import Tensor, nn

from darkroom import UserError
from darkroom.models.heads.maps_head import MapsHead

WIDTH = 128
FILTERS = 4  # of the size of the whole map, for each channel, as published
SHARE = 0.5  # of the plain classifier in the logit, as published
DROPOUT = 0.3
MOST_LABELS = 1000


class Spatial(MapsHead):
    """A plain linear classifier and a regularisation net on its labels' attention, averaged.

    Of each label an attention map (a softmax over the places) and a confidence map (a sigmoid) are
    multiplied. Two convolutions of 1 by 1 and filters of the whole map's size, a few for each channel, turn
    these products into logits again, which see where labels are relative to each other.

    Cost: two maps a label, so it is refused for more than 1,000 labels; and for maps of fewer than 2 by 2
    places, where there is nothing to attend to. There are no heat maps: products of maps are no sum of parts.

    Raises UserError where it is refused.
    """

    def __init__(self, *, features: int, labels: int, rows: int, columns: int) -> None:
        super().__init__()
        if labels > MOST_LABELS:
            raise UserError(
                f"model.head spatial makes two maps of each label, so it takes {MOST_LABELS:,} labels at "
                f"most, and there are {labels:,}: set model.head=ml_decoder"
            )
        if min(rows, columns) < 2:
            raise UserError(
                f"model.head spatial compares places of the backbone's last maps, which have {rows} by "
                f"{columns}: set data.side to 64 or more, or model.head=linear"
            )
        self.plain = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(features, labels))
        self.attention = nn.Sequential(
            nn.Conv2d(features, WIDTH, 1),
            nn.ReLU(),
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(WIDTH, labels, 1),
        )
        self.confidence = nn.Conv2d(features, labels, 1)
        self.relations = nn.Sequential(
            nn.Conv2d(labels, WIDTH, 1),
            nn.ReLU(),
            nn.Conv2d(WIDTH, WIDTH, 1),
            nn.ReLU(),
            nn.Conv2d(WIDTH, WIDTH * FILTERS, (rows, columns), groups=WIDTH),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(DROPOUT),
            nn.Linear(WIDTH * FILTERS, labels),
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Maps float [B,F,h,w] to logits [B,L]; h and w are those of the construction."""
        scores = self.attention(maps)
        attention = scores.flatten(2).softmax(2).view_as(scores)
        # times the places: an even attention then leaves the confidence as it is
        weighted = torch.sigmoid(self.confidence(maps)) * attention * (maps.shape[2] * maps.shape[3])
        plain: Tensor = self.plain(maps.mean((2, 3)))
        related: Tensor = self.relations(weighted)
        return SHARE * plain + (1 - SHARE) * related
