"""ML-GCN (Chen et al. 2019, arXiv:1904.03582): the labels' classifiers come from a graph of the labels."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom import UserError
from darkroom.models.heads.maps_head import MapsHead

HIDDEN = 256
FREQUENT = 0.4  # tau: P(other | label) from which on there is an edge, as published
NEIGHBOURS = 0.2  # p: the share of a label's new vector that comes from its neighbours, as published
SLOPE = 0.2  # of LeakyReLU below 0, as published
MOST_LABELS = 5000


class Gcn(MapsHead):
    """Two graph convolutions over the labels give each label its weights for the largest values of the maps.

    An edge goes from a label to those that 40 % or more of its training images have too. Nodes begin as
    one-hot vectors: the published table has little difference between these and word vectors, which are not
    here. The hidden layer has 256 units in place of 1,024.

    Cost: none after training, as the weights do not depend on the image. Limits: the graph compares all pairs
    of labels, so it is refused for more than 5,000, and for one label, which has no neighbour. Heat maps are
    exact: a logit is a weighted sum of the largest value of each map.

    Raises UserError where it is refused.
    """

    shares: Tensor

    def __init__(self, *, features: int, labels: int) -> None:
        super().__init__()
        if labels > MOST_LABELS:
            raise UserError(
                f"model.head gcn keeps a graph of all pairs of labels, so it takes {MOST_LABELS:,} at most, "
                f"and there are {labels:,}: set model.head=ml_decoder"
            )
        if labels < 2:
            raise UserError(
                "model.head gcn needs two labels to relate, and there is one: set model.head=linear"
            )
        self.register_buffer("shares", torch.eye(labels))
        self.first = nn.Parameter(torch.empty(labels, HIDDEN))
        self.second = nn.Parameter(torch.empty(HIDDEN, features))
        nn.init.xavier_uniform_(self.first)
        nn.init.xavier_uniform_(self.second)
        self.bias = nn.Parameter(torch.zeros(labels))

    def prepare(self, labels: Tensor) -> None:
        """Draw the graph from the training images' labels, int8 [N,L]."""
        self.shares = normalised(correlation(labels)).to(self.first.device)

    def peak_weight(self) -> Tensor:
        """Return the weight of the largest value of each map, [L,F]."""
        hidden = F.leaky_relu(self.shares @ self.first, SLOPE)
        return self.shares @ hidden @ self.second

    def forward(self, maps: Tensor) -> Tensor:
        """Maps float [B,F,h,w] to logits [B,L]."""
        return maps.amax((2, 3)) @ self.peak_weight().T + self.bias


def correlation(labels: Tensor) -> Tensor:
    """Return the share of each label's new vector that comes from each label, float32 [L,L].

    A row sums to 1, and to 1 - p without the neighbours, as the published re-weighting (equation 8) has it;
    a label without neighbours keeps its own. Images in which either label is unknown do not count for a pair.

    >>> correlation(torch.tensor([[1, 1], [0, 1], [0, 1]]))
    tensor([[0.8000, 0.2000],
            [0.0000, 1.0000]])
    """
    yes, known = (labels == 1).float(), (labels >= 0).float()
    both, of_known = yes.T @ yes, yes.T @ known
    edges = (both / of_known.clamp(min=1) >= FREQUENT).float()
    edges.fill_diagonal_(0)
    count = edges.sum(1, keepdim=True)
    shared = NEIGHBOURS * edges / count.clamp(min=1)
    return shared + torch.diag(torch.where(count[:, 0] > 0, 1 - NEIGHBOURS, 1.0))


def normalised(graph: Tensor) -> Tensor:
    """Return a graph [L,L] divided by the square roots of its rows' and columns' sums (Kipf & Welling 2017).

    >>> normalised(torch.tensor([[1.0, 1.0], [0.0, 1.0]]))
    tensor([[0.7071, 0.5000],
            [0.0000, 0.7071]])
    """
    rows, columns = graph.sum(1, keepdim=True), graph.sum(0, keepdim=True)
    return graph / (rows.sqrt() * columns.sqrt())
