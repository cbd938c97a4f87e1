"""Greedy soups (Wortsman et al. 2022, arXiv:2203.05482): the mean of the weights of several nets of one kind.

A soup costs no more at prediction than one net. Of linear layers its logits are the mean of theirs.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

Weights = Mapping[str, Tensor]


def greedy_soup(
    ingredients: Sequence[Weights], score: Callable[[Weights], float]
) -> tuple[Weights, list[int]]:
    """Return the mean of some of the ingredients, and which ones.

    From the best on, each stays in the mean where the score does not become smaller by it.

    Args:
        ingredients: at least one; the weights of each by name, of the same shapes.
        score: of a net with such weights, on images that none was trained on; larger is better.

    >>> weights = [{"w": torch.tensor([2.0])}, {"w": torch.tensor([5.0])}, {"w": torch.tensor([9.0])}]
    >>> greedy_soup(weights, lambda soup: -abs(float(soup["w"]) - 4))
    ({'w': tensor([3.5000])}, [1, 0])
    """
    scores = [score(each) for each in ingredients]
    order = sorted(range(len(ingredients)), key=lambda number: -scores[number])
    chosen, soup, best = order[:1], ingredients[order[0]], scores[order[0]]
    for number in order[1:]:
        larger = mean_of([ingredients[each] for each in (*chosen, number)])
        if (reached := score(larger)) >= best:
            chosen, soup, best = [*chosen, number], larger, reached
    return soup, chosen


def mean_of(ingredients: Sequence[Weights]) -> Weights:
    """Return the mean of weights by name; of one it is that one to the bit."""
    return {name: torch.stack([each[name] for each in ingredients]).mean(0) for name in ingredients[0]}
