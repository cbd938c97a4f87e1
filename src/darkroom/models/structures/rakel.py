"""RAkEL: label powersets of a few labels each, drawn at random, whose probabilities are averaged."""

import torch
from torch import Tensor

from darkroom.models.structures.enumeration import all_sets
from darkroom.models.structures.structure import Method, Structure

SIZE = 3  # labels of a group
EACH = 6  # groups that each label is in, at least
SEED = 0  # of the groups


class Rakel(Structure):
    """The mean of the probabilities that overlapping groups of labels give to a label.

    Random k-labelsets (Tsoumakas and Vlahavas 2007, "Random k-labelsets: an ensemble method for multilabel
    classification"). Of each group all 2^k sets are possible, and as frequent as in training; the posterior
    is as in `label_sets`. It costs O(groups 2^k) an image, and there are twice as many groups as labels.

    Attributes:
        groups: places of the labels of each group, int64 [G,k].
        log_ratio: of each set's frequency to the one that independent labels would have, [G,2^k].
    """

    FITTED = ("groups", "log_ratio")
    groups: Tensor
    log_ratio: Tensor
    sets: Tensor
    votes: Tensor

    def __init__(self, groups: Tensor, log_ratio: Tensor) -> None:
        super().__init__()
        of_label = torch.nn.functional.one_hot(groups.flatten()).double()  # [G k,L]
        self.keep(groups=groups, log_ratio=log_ratio, sets=all_sets(groups.shape[1]))
        self.keep(votes=of_label / of_label.sum(0))

    def forward(self, logits: Tensor) -> Tensor:
        """Logits [B,L] to the probability of each label, [B,L]."""
        sets, dtype = self.sets.to(logits.dtype), logits.dtype
        own = logits[:, self.groups.flatten()].reshape(-1, *self.groups.shape)
        each = (own @ sets.T + self.log_ratio.to(dtype)).softmax(2) @ sets
        joint: Tensor = each.flatten(1) @ self.votes.to(dtype)
        return joint


def draw_groups(labels: int) -> Tensor:
    """Return the groups of so many labels, int64 [G,k]; each label is in at least `EACH`. Always the same."""
    generator = torch.Generator().manual_seed(SEED)
    size = min(SIZE, labels)
    rows: list[list[int]] = []
    for _ in range(EACH):
        order = torch.randperm(labels, generator=generator)
        filled = torch.cat([order, order[: -labels % size]])
        rows += filled.reshape(-1, size).tolist()
    return torch.tensor(rows)


def count_rakel(labels: Tensor, *, weight: float) -> Rakel:
    """Return the groups with the frequencies of their sets in labels [N,L], 1, 0, or -1 for unknown.

    In a group those images count of which all its labels are known, and each set one image more than it is
    seen. `weight` is the exponent of the ratio, as in `count_label_sets`.
    """
    groups = draw_groups(labels.shape[1])
    size = groups.shape[1]
    places = 2 ** torch.arange(size - 1, -1, -1)
    sets = all_sets(size).double()
    ratios = []
    for group in groups:
        chosen = labels[:, group]
        known = chosen[(chosen >= 0).all(1)].long()
        counts = torch.bincount((known * places).sum(1), minlength=2**size).double() + 1
        frequency = counts / counts.sum()
        share = frequency @ sets
        independent = sets @ share.log() + (1 - sets) @ (1 - share).log()
        ratios.append(weight * (frequency.log() - independent))
    return Rakel(groups, torch.stack(ratios))


RAKEL = Method(
    fit=lambda logits, labels, counted, strength: count_rakel(counted, weight=strength),
    build=Rakel,
    strengths=(1.0, 0.75, 0.5, 0.25, 0.1),
    most=2000,
    cost=f"{EACH} groups of {SIZE} labels for each label",
)
