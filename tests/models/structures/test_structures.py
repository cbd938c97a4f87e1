"""Structures over labels: inference against brute force, and what was planted is found."""

from itertools import product

import pytest
import torch
from torch import Tensor

from darkroom.models.structures.chain import Chain, fit_chain
from darkroom.models.structures.crf import PairwiseCrf, fit_crf
from darkroom.models.structures.enumeration import all_sets
from darkroom.models.structures.label_sets import count_label_sets


def random_logits(count: int, labels: int, *, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, labels, generator=generator, dtype=torch.float64)


def field(labels: int, *, seed: int = 1, size: float = 1.0) -> PairwiseCrf:
    generator = torch.Generator().manual_seed(seed)
    pair = size * torch.randn(labels, labels, generator=generator, dtype=torch.float64)
    pair = (pair + pair.T) / 2
    pair.fill_diagonal_(0)
    return PairwiseCrf(torch.randn(labels, generator=generator, dtype=torch.float64) / 2, pair)


def random_chain(labels: int) -> Chain:
    order = torch.randperm(labels, generator=torch.Generator().manual_seed(3)).tolist()
    before = torch.zeros(labels, labels, dtype=torch.float64)
    for place, label in enumerate(order):
        for other in order[:place]:
            before[label, other] = random_logits(1, 1, seed=10 * label + other).item() * 2
    return Chain(order, 1.5 * torch.eye(labels).double(), random_logits(1, labels, seed=5)[0] / 2, before)


def drawn(log_weights: Tensor, sets: Tensor, *, seed: int = 0) -> Tensor:
    """Return a set for each image, drawn from its distribution, int8 [N,L]."""
    generator = torch.Generator().manual_seed(seed)
    return sets[torch.multinomial(log_weights.softmax(1), 1, generator=generator)[:, 0]].to(torch.int8)


def test_the_field_is_what_a_loop_over_all_sets_sums_up() -> None:
    crf, logits = field(4), random_logits(3, 4)
    for row in range(3):
        weights = {}
        for one in product((0, 1), repeat=4):
            y = torch.tensor(one, dtype=torch.float64)
            pairs = sum(crf.pair[i, j] * y[i] * y[j] for i in range(4) for j in range(i + 1, 4))
            weights[one] = float(torch.exp((y * (logits[row] + crf.bias)).sum() + pairs))
        total = sum(weights.values())
        for label in range(4):
            expected = sum(weight for one, weight in weights.items() if one[label]) / total
            assert crf.exact(logits)[row, label].item() == pytest.approx(expected)
        assert tuple(crf.most_probable(logits)[row].int().tolist()) == max(
            weights, key=lambda one: weights[one]
        )


def test_mean_field_is_exact_without_pairs_and_near_for_weak_ones() -> None:
    logits = random_logits(50, 6)
    alone = PairwiseCrf(torch.zeros(6).double(), torch.zeros(6, 6).double())
    torch.testing.assert_close(alone.mean_field(logits), logits.sigmoid())
    torch.testing.assert_close(alone.exact(logits), logits.sigmoid())
    weak = field(6, size=0.3)
    assert (weak.mean_field(logits) - weak.exact(logits)).abs().mean() < 0.01
    strong = field(6, size=1.0)
    independent = (logits + strong.bias).sigmoid()
    off = (strong.mean_field(logits) - strong.exact(logits)).abs().mean()
    assert off < (independent - strong.exact(logits)).abs().mean() / 2


def test_pairs_that_were_planted_are_found_and_help() -> None:
    true, logits = field(4, size=1.5), random_logits(6000, 4)
    sets = all_sets(4)
    labels = drawn(true.log_weights(logits, sets), sets)
    found = fit_crf(logits, labels, strength=1e-4)
    torch.testing.assert_close(found.pair, true.pair, atol=0.35, rtol=0)
    torch.testing.assert_close(found.bias, true.bias, atol=0.3, rtol=0)
    new = random_logits(2000, 4, seed=9)
    truth = drawn(true.log_weights(new, sets), sets, seed=1)
    joint = (found.most_probable(new) == truth).all(1).double().mean()
    assert joint > ((true.exact(new) > 0.5) == (truth == 1)).all(1).double().mean() - 0.01
    assert joint > ((new > 0) == (truth == 1)).all(1).double().mean() + 0.02


def test_where_labels_do_not_depend_on_each_other_the_field_does_not_lose() -> None:
    logits = random_logits(4000, 4)
    labels = (torch.rand(4000, 4, generator=torch.Generator().manual_seed(2)) < logits.sigmoid()).to(
        torch.int8
    )
    found = fit_crf(logits, labels, strength=1e-3)
    assert found.pair.abs().max() < 0.3
    assert (found.exact(logits) - logits.sigmoid()).abs().mean() < 0.02


def test_unknown_labels_are_no_targets_of_the_field() -> None:
    logits = random_logits(300, 3)
    labels = (logits + random_logits(300, 3, seed=4) > 0).to(torch.int8)
    hidden = labels.clone()
    hidden[:, 2] = -1
    found = fit_crf(logits, hidden, strength=0.01)
    assert found.bias[2] == 0


def test_a_chain_sums_to_one_and_its_marginals_are_those_of_all_sets() -> None:
    chain, logits = random_chain(5), random_logits(4, 5)
    sets = all_sets(5)
    weights = chain.log_weights(logits, sets).exp()
    torch.testing.assert_close(weights.sum(1), torch.ones(4).double())
    torch.testing.assert_close(chain.exact(logits), weights @ sets.double())
    for row, one in product(range(4), ((0, 0, 0, 0, 0), (1, 0, 1, 1, 0))):
        p, y = 1.0, torch.tensor(one).double()
        for label in chain.places:
            z = chain.scale[label] @ logits[row] + chain.bias[label] + chain.before[label] @ y
            p *= float(z.sigmoid() if one[label] else 1 - z.sigmoid())
        place = int((sets == y).all(1).nonzero()[0, 0])
        assert weights[row, place].item() == pytest.approx(p)


def test_a_wide_beam_is_enumeration_and_a_narrow_one_is_greedy() -> None:
    chain, logits = random_chain(5), random_logits(6, 5)
    sets, weights = chain.beam(logits, width=32)
    everything = chain.log_weights(logits, all_sets(5)).sort(1, descending=True).values
    torch.testing.assert_close(weights, everything)
    assert torch.equal(sets[:, 0], chain.most_probable(logits).double())
    greedy, _ = chain.beam(logits, width=1)
    for row in range(6):
        y = torch.zeros(5).double()
        for label in chain.places:
            z = chain.scale[label] @ logits[row] + chain.bias[label] + chain.before[label] @ y
            y[label] = float(z > 0)
        assert torch.equal(greedy[row, 0], y)


def test_samples_of_a_chain_have_its_marginals() -> None:
    chain, logits = random_chain(4), random_logits(3, 4)
    found = chain.sampled(logits, samples=4000, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(found, chain.exact(logits), atol=0.04, rtol=0)


def test_a_planted_chain_is_found() -> None:
    true, logits = random_chain(4), random_logits(5000, 4, seed=7)
    sets = all_sets(4)
    labels = drawn(true.log_weights(logits, sets), sets)
    found = fit_chain(logits, labels, true.places, strength=1e-4)
    torch.testing.assert_close(found.before, true.before, atol=0.4, rtol=0)
    torch.testing.assert_close(found.scale, true.scale, atol=0.25, rtol=0)


def test_a_label_may_not_depend_on_a_later_one() -> None:
    before = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    Chain([1, 0], torch.eye(2), torch.zeros(2), before)
    with pytest.raises(ValueError, match="not before it"):
        Chain([0, 1], torch.eye(2), torch.zeros(2), before)


def test_label_sets_are_bayes_rule_over_the_sets_that_were_seen() -> None:
    labels = torch.tensor([[1, 1, 0]] * 6 + [[0, 0, 1]] * 3 + [[1, 0, 0]] * 3 + [[0, 1, 1]])
    structure, logits = count_label_sets(labels), random_logits(4, 3)
    assert structure.sets.tolist() == [[0, 0, 1], [1, 0, 0], [1, 1, 0]]  # the last was seen once
    share = labels.double().mean(0)
    for row in range(4):
        p = logits[row].sigmoid()
        weights = []
        for one, frequency in zip(structure.sets, (3 / 12, 3 / 12, 6 / 12), strict=True):
            ratio = torch.where(one == 1, p / share, (1 - p) / (1 - share))
            weights.append(frequency * float(ratio.prod()))
        expected = (torch.tensor(weights).double()[:, None] * structure.sets).sum(0) / sum(weights)
        torch.testing.assert_close(structure.marginals(logits)[row], expected)
        assert torch.equal(
            structure.most_probable(logits)[row], structure.sets[int(torch.tensor(weights).argmax())]
        )


def test_images_with_unknown_labels_count_in_no_set() -> None:
    labels = torch.tensor([[1, 0], [1, 0], [1, -1], [1, -1]])
    assert count_label_sets(labels).sets.tolist() == [[1, 0]]
    with pytest.raises(ValueError, match="of 2 images no 2 have the same set"):
        count_label_sets(torch.tensor([[1, 0], [0, 1]]))


def test_many_labels_are_not_enumerated() -> None:
    with pytest.raises(ValueError, match="17 labels have too many sets"):
        all_sets(17)
