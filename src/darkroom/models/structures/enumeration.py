"""All sets of a few labels, over which a joint distribution can be summed exactly."""

import torch
from torch import Tensor

from darkroom.models.structures.structure import Structure

MOST = 16  # labels: 65,536 sets
FEW = 12  # labels whose 4,096 sets a served graph sums over


def all_sets(labels: int) -> Tensor:
    """Return all sets of so many labels, float [2^L,L]; raises ValueError for more than `MOST`.

    >>> all_sets(2).tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    if not 1 <= labels <= MOST:
        raise ValueError(
            f"{labels} labels have too many sets to enumerate: 1 to {MOST} labels; use another way"
        )
    return torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * labels).reshape(-1, labels)


class Enumerable(Structure):
    """A structure of which the weight of every set of labels is known."""

    def log_weights(self, logits: Tensor, sets: Tensor) -> Tensor:
        """Return the log-probability of sets [S,L] for logits [B,L]: [B,S], up to a constant an image."""
        raise NotImplementedError(f"{type(self).__name__} does not say how probable a set is")

    def exact(self, logits: Tensor) -> Tensor:
        """Return the probability of each label, [B,L], by enumeration; raises ValueError for many labels."""
        sets = all_sets(logits.shape[1])
        return marginals(self.log_weights(logits, sets), sets)

    def most_probable(self, logits: Tensor) -> Tensor:
        """Return the most probable set of each image, [B,L], by enumeration; raises ValueError for many."""
        sets = all_sets(logits.shape[1])
        return most_probable(self.log_weights(logits, sets), sets)


def marginals(log_weights: Tensor, sets: Tensor) -> Tensor:
    """Return the probability of each label, [B,L], from log-weights [B,S] of sets [S,L].

    >>> marginals(torch.zeros(1, 4), all_sets(2))
    tensor([[0.5000, 0.5000]])
    """
    return log_weights.softmax(1) @ sets.to(log_weights.dtype)


def most_probable(log_weights: Tensor, sets: Tensor) -> Tensor:
    """Return the set of the highest log-weight for each image, [B,L]."""
    return sets[log_weights.argmax(1)]
