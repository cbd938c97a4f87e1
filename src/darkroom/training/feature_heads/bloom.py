"""The codes of Bloom filters: how many bits, which bits a label has, and the layer that finds them."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from darkroom.models.feature_heads.bloom import Bloom
from darkroom.training.head import STRENGTHS, Labelled, minimise
from darkroom.training.losses.multilabel.binary_cross_entropy import binary_cross_entropy

HASHES = 4  # bits of each label
TOLERATED = 0.1  # labels too many of an image, on average, whose bits are all right
CROWDED = 0.95  # share of the training images that have so many labels or fewer as the code is made for
FEWEST = 16  # bits


def bloom(features: Tensor, labels: Tensor, seed: int) -> Iterator[tuple[float, Bloom]]:
    """Yield a head for each strength: logistic regressions to the bits of codes that labels share.

    What it computes and its source stand in `darkroom.models.feature_heads.bloom`. Every label is given
    `HASHES` bits at random, no two the same ones. A bit of an image is unknown where none of its labels has
    it and an unknown one does. It takes one regression for each bit, so it is quicker than one a label from
    some hundreds of labels on; with fewer labels the code is longer than they are many.
    """
    crowd = max(1, round(float((labels == 1).sum(1).double().quantile(CROWDED))))
    count = labels.shape[1]
    bits = label_bits(count, bits_for(count, crowd), seed=seed)
    seen = Labelled(features, codes(labels, bits))
    layer = torch.zeros(seen.labels.shape[1], features.shape[1] + 1, dtype=torch.float64)
    ones = torch.ones(seen.labels.shape[1], dtype=torch.float64)
    for strength in STRENGTHS:
        layer = minimise(
            layer, seen, lambda z, y: binary_cross_entropy(z, y, weights=ones).sum(), strength=strength
        )
        yield strength, Bloom(layer, bits)


def bits_for(labels: int, crowd: int) -> int:
    """Return the bits of the shortest code that gives an image with `crowd` labels `TOLERATED` wrong ones.

    Each of the other labels is decoded wrongly with the probability of `error_rate`.

    >>> bits_for(10_000, 6)
    392
    """
    bits = FEWEST
    while labels * error_rate(bits, crowd) > TOLERATED:
        bits += 1
    return bits


def error_rate(bits: int, crowd: int) -> float:
    """Return the probability that a label is decoded which an image with `crowd` other labels has not.

    That all its `HASHES` bits are on by chance, where each label has so many different ones: exact, by
    inclusion and exclusion of those that are off. Bloom 1970, "Space/time trade-offs in hash coding with
    allowable errors", gives nearly the same where bits are many.

    >>> round(10_000 * error_rate(392, 6), 2)
    0.1
    """
    rate = 0.0
    for off in range(HASHES + 1):
        share = math.comb(bits - off, HASHES) / math.comb(bits, HASHES)
        rate += (1 - off % 2 * 2) * math.comb(HASHES, off) * share**crowd
    return rate


def label_bits(labels: int, bits: int, *, seed: int) -> Tensor:
    """Return `HASHES` different bits of each label, int64 [L,HASHES], no two labels with the same ones.

    >>> label_bits(3, 16, seed=0).shape
    torch.Size([3, 4])
    """
    generator = torch.Generator().manual_seed(seed)
    drawn: dict[tuple[int, ...], None] = {}  # in the order in which they were drawn
    while len(drawn) < labels:
        more = torch.rand(labels, bits, generator=generator).topk(HASHES).indices.sort(1).values
        drawn |= dict.fromkeys(tuple(row) for row in more.tolist())
    return torch.tensor(list(drawn)[:labels])


def codes(labels: Tensor, bits: Tensor) -> Tensor:
    """Return the codes of images int8 [N,M] with labels [N,L]; M is one more than the last of `bits` [L,K].

    >>> codes(torch.tensor([[1, 0], [0, -1]]), torch.tensor([[0, 1], [1, 2]])).tolist()
    [[1, 1, 0], [0, -1, -1]]
    """
    code = torch.zeros(len(labels), int(bits.max()) + 1, dtype=torch.int8)
    for value in (-1, 1):  # what is on is on, whatever is unknown beside it
        rows, columns = (labels == value).nonzero(as_tuple=True)
        code[rows[:, None], bits[columns]] = value
    return code
