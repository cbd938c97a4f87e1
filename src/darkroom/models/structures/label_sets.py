"""Label powerset: only sets of labels that were seen, each as frequent as it was."""

import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.models.structures.enumeration import marginals, most_probable
from darkroom.models.structures.structure import Method, Structure

FEWEST = 2  # images with a set, below which it is pruned
SHARES = 1e-3  # of a label, at least and at most 1 less this: no logarithm of 0
STEPS = 50  # of expectation and maximisation, for the share of the sets that were seen


class LabelSets(Structure):
    """A distribution over the sets that training images have, mixed with independent labels.

    The posterior of a set that was seen is p(set) times the product of p(label | image) / p(label) over its
    labels and of the complement over the others: the independent scores, with what is known of how labels go
    together. Sets that fewer than `FEWEST` images have are pruned (Read, Pfahringer and Holmes 2008,
    "Multi-label classification using ensembles of pruned sets"; Boutell et al. 2004). `forward` gives that
    distribution the share `seen` and independent labels the rest, so that other sets are possible too. It
    costs O(sets x labels) an image.

    Attributes:
        sets: float [S,L].
        log_ratio: of each set's frequency to the one that independent labels would have, [S].
        seen: probability that an image has one of these sets, [].
    """

    FITTED = ("sets", "log_ratio", "seen")
    sets: Tensor
    log_ratio: Tensor
    seen: Tensor

    def __init__(self, sets: Tensor, log_ratio: Tensor, seen: Tensor) -> None:
        super().__init__()
        self.keep(sets=sets, log_ratio=log_ratio, seen=seen)

    def forward(self, logits: Tensor) -> Tensor:
        """Logits [B,L] to the probability of each label, [B,L]."""
        return self.seen * self.marginals(logits) + (1 - self.seen) * logits.sigmoid()

    def log_weights(self, logits: Tensor) -> Tensor:
        """Return the unnormalised log-probability of each set, [B,S], for logits [B,L]."""
        return logits @ self.sets.T.to(logits.dtype) + self.log_ratio.to(logits.dtype)

    def marginals(self, logits: Tensor) -> Tensor:
        """Return the probability of each label, [B,L], where only sets that were seen are possible."""
        return marginals(self.log_weights(logits), self.sets)

    def most_probable(self, logits: Tensor) -> Tensor:
        """Return the most probable of the sets that were seen for each image, [B,L]."""
        return most_probable(self.log_weights(logits), self.sets)


def count_label_sets(labels: Tensor, *, weight: float = 1.0) -> LabelSets:
    """Return the sets of labels [N,L] that are known in full, as if all images had one of them.

    `weight` is the exponent of the ratio of a set's frequency to that of independent labels: below 1 it
    counts less, since scores of one image already agree in part. Raises ValueError where no set is frequent
    enough.
    """
    known = labels[(labels >= 0).all(1)].double()
    sets, counts = torch.unique(known, dim=0, return_counts=True)
    kept = counts >= FEWEST
    if not kept.any():
        raise ValueError(
            f"of {len(labels)} images no {FEWEST} have the same set of labels, all of them known: label sets "
            "cannot be counted; set model.structure=rakel, which counts sets of three labels"
        )
    sets, counts = sets[kept], counts[kept]
    share = known.mean(0).clamp(SHARES, 1 - SHARES)
    independent = sets @ share.log() + (1 - sets) @ (1 - share).log()
    log_ratio = weight * ((counts / counts.sum()).log() - independent)
    return LabelSets(sets, log_ratio, torch.ones((), dtype=torch.float64))


def fit_label_sets(logits: Tensor, labels: Tensor, counted: Tensor, weight: float) -> LabelSets:
    """Return the sets of `counted` [M,L], with the share `seen` of the highest likelihood on labels [N,L].

    The share of a mixture of two distributions is found by expectation and maximisation (Dempster, Laird and
    Rubin 1977) on the images whose labels are all known. Raises ValueError as `count_label_sets`.
    """
    structure = count_label_sets(counted, weight=weight)
    complete = (labels >= 0).all(1)
    z, y = logits[complete].double(), labels[complete].double()
    alone = (y * F.logsigmoid(z) + (1 - y) * F.logsigmoid(-z)).sum(1).exp()
    same = (y[:, None, :] == structure.sets[None]).all(2).double()
    together = (structure.log_weights(z).softmax(1) * same).sum(1)
    seen = torch.tensor(0.5, dtype=torch.float64)
    for _ in range(STEPS if len(y) else 0):
        from_sets = seen * together
        seen = (from_sets / (from_sets + (1 - seen) * alone).clamp(min=1e-300)).mean()
    return LabelSets(structure.sets, structure.log_ratio, seen)


LABEL_SETS = Method(
    fit=fit_label_sets,
    build=LabelSets,
    strengths=(1.0, 0.75, 0.5, 0.25, 0.1),
    most=1000,
    cost="as many sets as images may have, each a row of the graph's matrix",
)
