"""Label powerset: only sets of labels that were seen, each as frequent as it was."""

import torch
from torch import Tensor

from darkroom.models.structures.enumeration import marginals, most_probable

FEWEST = 2  # images with a set, below which it is pruned
SHARES = 1e-3  # of a label, at least and at most 1 less this: no logarithm of 0


class LabelSets:
    """A distribution over the sets that training images have.

    The posterior is p(set) times the product of p(label | image) / p(label) over its labels and of the
    complement over the others: the independent scores, with what is known of how labels go together. Sets
    that fewer than `FEWEST` images have are pruned (Read, Pfahringer and Holmes 2008, "Multi-label
    classification using ensembles of pruned sets"; Boutell et al. 2004). It costs O(sets x labels) an image,
    and never gives a set that was not seen.

    Attributes:
        sets: float [S,L].
        log_ratio: of each set's frequency to the one that independent labels would have, [S].
    """

    def __init__(self, labels: Tensor) -> None:
        """Count the sets of labels [N,L] that are known in full; raises ValueError where none is left."""
        known = labels[(labels >= 0).all(1)].double()
        sets, counts = torch.unique(known, dim=0, return_counts=True)
        kept = counts >= FEWEST
        if not kept.any():
            raise ValueError(
                f"of {len(labels)} images no {FEWEST} have the same set of labels: label sets cannot be "
                "counted"
            )
        self.sets, counts = sets[kept], counts[kept]
        share = known.mean(0).clamp(SHARES, 1 - SHARES)
        independent = self.sets @ share.log() + (1 - self.sets) @ (1 - share).log()
        self.log_ratio = (counts / counts.sum()).log() - independent

    def log_weights(self, logits: Tensor) -> Tensor:
        """Return the unnormalised log-probability of each set, [B,S], for logits [B,L]."""
        weights: Tensor = logits.double() @ self.sets.T + self.log_ratio
        return weights

    def marginals(self, logits: Tensor) -> Tensor:
        """Return the probability of each label, [B,L]."""
        return marginals(self.log_weights(logits), self.sets)

    def most_probable(self, logits: Tensor) -> Tensor:
        """Return the most probable set of each image, [B,L]."""
        return most_probable(self.log_weights(logits), self.sets)
