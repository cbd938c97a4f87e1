"""Ensemble selection (Caruana et al. 2004): which members are averaged, with which weights.

Members are added one after the other, the same one several times where that helps, and each time the one that
makes the log-loss of the validation images smallest. Of bags, which know half of the members each, the
weights are averaged (Caruana et al. 2006), so that no lucky pair decides.

Caruana, Niculescu-Mizil, Crew & Ksikes, Ensemble selection from libraries of models, ICML 2004; Caruana,
Munson & Niculescu-Mizil, Getting the most out of ensemble selection, ICDM 2006.
"""

import numpy as np
from numpy.typing import NDArray

ROUNDS = 25  # members that are added in a bag, at most
BAGS = 20
KNOWN = 0.5  # share of the members that a bag knows
SMALLEST = 0.05  # weight below which a member is not worth its time
PARTS = 5  # of the images, for `cross_fitted`


def combined(logs: NDArray[np.float32], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log-probabilities float64 [N,C] of a weighted mean of members, as the graph computes them.

    Of each view it is the logarithm of the members' mean, and of the views the mean of that; the rows are
    normalised.

    Args:
        logs: log-probabilities [K,V,N,C] of K members on V views of N images.
        shares: weight of each member, [K], with a sum of 1.

    >>> half = np.log(np.array([[[[0.9, 0.1]]], [[[0.5, 0.5]]]], np.float32))
    >>> np.exp(combined(half, np.array([0.5, 0.5]))).round(6).tolist()
    [[0.7, 0.3]]
    """
    mean = np.tensordot(shares, _probabilities(logs), axes=1)
    together: NDArray[np.float64] = _normalised(mean[None])[0]
    return together


def greedy_shares(logs: NDArray[np.float32], labels: NDArray[np.int64], *, seed: int) -> NDArray[np.float64]:
    """Return the weight of each member, float64 [K], with a sum of 1.

    The log-loss of the images with these weights is at most that of the best member alone: where the bags'
    mean does not reach that of a selection among all members, the latter is returned.

    Args:
        logs: log-probabilities [K,V,N,C] of the members, as in `combined`.
        labels: class of each image, [N].
        seed: draws the bags.
    """
    count = len(logs)
    probabilities = _probabilities(logs)
    random = np.random.default_rng(seed)
    size = max(1, round(KNOWN * count))
    bags = [np.sort(random.permutation(count)[:size]) for _ in range(BAGS)]
    bagged = np.zeros(count)
    for bag in bags:
        bagged[bag] += selected(probabilities[bag], labels) / BAGS
    among_all = selected(probabilities, labels)
    candidates = [_without_small(among_all), _without_small(bagged), among_all]
    losses = [log_loss(combined(logs, shares), labels) for shares in candidates]
    return candidates[int(np.argmin(losses))]


def selected(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the weights float64 [K] that greedy selection with replacement gives K members.

    It begins with the best member, and the best of the sets on the way is returned.

    Args:
        probabilities: of the members on views of the images, [K,V,N,C].
        labels: class of each image, [N].

    >>> sure, wrong = [[0.8, 0.2]], [[0.2, 0.8]]
    >>> selected(np.array([[sure], [wrong]]), np.array([0])).tolist()
    [1.0, 0.0]
    """
    counts = np.zeros(len(probabilities))
    total = np.zeros(probabilities.shape[1:])
    best, best_loss = counts, np.inf
    for chosen in range(1, ROUNDS + 1):
        logs = _normalised((total + probabilities) / chosen)
        losses = [log_loss(each, labels) for each in logs]
        added = int(np.argmin(losses))
        counts = counts.copy()
        counts[added] += 1
        total = total + probabilities[added]
        if losses[added] < best_loss:
            best, best_loss = counts, losses[added]
    shares: NDArray[np.float64] = best / best.sum()
    return shares


def cross_fitted(logs: NDArray[np.float32], labels: NDArray[np.int64], *, seed: int) -> NDArray[np.float64]:
    """Return log-probabilities float64 [N,C] of each image with weights that the other images chose.

    The images are divided into `PARTS` by chance; each part's weights are `greedy_shares` of the other parts.
    """
    part_of = np.random.default_rng(seed).permutation(len(labels)) % PARTS
    found = np.empty((len(labels), logs.shape[3]))
    for part in range(PARTS):
        here = part_of == part
        shares = greedy_shares(logs[:, :, ~here], labels[~here], seed=seed)
        found[here] = combined(logs[:, :, here], shares)
    return found


def log_loss(logs: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Return the mean log-loss of log-probabilities [N,C] for the classes [N]."""
    return float(-logs[np.arange(len(labels)), labels].mean())


def _probabilities(logs: NDArray[np.float32]) -> NDArray[np.float64]:
    probabilities: NDArray[np.float64] = np.exp(logs.astype(np.float64))
    return probabilities


def _normalised(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log-probabilities [K,N,C] from probabilities of views [K,V,N,C]: the views' mean, normalised."""
    smallest = np.finfo(np.float64).tiny  # of a class that all members rule out
    logs = np.log(np.maximum(probabilities, smallest)).mean(axis=1)
    normalised: NDArray[np.float64] = logs - np.log(np.exp(logs).sum(axis=2, keepdims=True))
    return normalised


def _without_small(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    kept = np.where(shares >= min(SMALLEST, shares.max()), shares, 0.0)
    left: NDArray[np.float64] = kept / kept.sum()
    return left
