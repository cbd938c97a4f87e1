"""Hypotheses-CNN-Pooling (Wei et al. 2014, arXiv:1406.5726): the best of many parts of the image decides."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom import UserError
from darkroom.models.heads.maps_head import MapsHead

HIDDEN = 256
PARTS = (1, 2, 3)  # a window is 1, 1/2 and 1/3 of the maps' height and width, rounded up, at every place
DROPOUT = 0.3


class Hypotheses(MapsHead):
    """Windows of the maps, a small net that all share, and for each label the largest logit of any window.

    The published method proposes boxes by BING and runs the whole net on each crop. Here the proposals are
    square windows of the maps at every place and three scales (42 of maps of 7 by 7), and what is shared is
    the frozen backbone, which runs once, and the net on the mean of a window. So a hypothesis sees beyond its
    window, as far as the backbone's receptive field does.

    Cost: windows times labels in the last layer. Limits: none in labels; refused for maps of fewer than 2 by
    2 places, which have one window. There are no heat maps: the largest window alone would light up.

    Raises UserError where it is refused.
    """

    def __init__(self, *, features: int, labels: int, rows: int, columns: int) -> None:
        super().__init__()
        if min(rows, columns) < 2:
            raise UserError(
                f"model.head hypotheses takes windows of the backbone's last maps, which have {rows} by "
                f"{columns} places, so that there is one: set data.side to 64 or more, or model.head=linear"
            )
        self.windows = sorted({(-(-rows // part), -(-columns // part)) for part in PARTS}, reverse=True)
        self.shared = nn.Sequential(
            nn.Linear(features, HIDDEN), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(HIDDEN, labels)
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Maps float [B,F,h,w] to logits [B,L]."""
        means = [F.avg_pool2d(maps, window, stride=1).flatten(2) for window in self.windows]
        logits: Tensor = self.shared(torch.cat(means, dim=2).transpose(1, 2))
        return logits.amax(1)
