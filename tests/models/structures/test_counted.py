"""Structures that count or complete labels: by hand, by brute force, and what was hidden is restored."""

import numpy as np
import pytest
import torch

from darkroom.models.structures.chain import fit_chain
from darkroom.models.structures.chain_ensemble import drawn_orders, fit_chain_ensemble
from darkroom.models.structures.co_occurrence import count_co_occurrence
from darkroom.models.structures.crf import PairwiseCrf
from darkroom.models.structures.dependency_network import DependencyNetwork, fit_dependency_network
from darkroom.models.structures.label_sets import count_label_sets, fit_label_sets
from darkroom.models.structures.matrix_completion import complete
from darkroom.models.structures.rakel import count_rakel, draw_groups


def test_co_occurrence_of_two_labels_is_jeffreys_rule_by_hand() -> None:
    labels = torch.tensor([[1, 1]] * 6 + [[0, 0]] * 3 + [[1, 0]] * 1)
    structure, p = count_co_occurrence(labels, share=0.4), torch.tensor([[0.3, 0.8]])
    given, without = 6.25 / 6.5, 1.25 / 4.5  # the first label given the second, each kind a quarter more
    expected = 0.6 * 0.3 + 0.4 * (given * 0.8 + without * 0.2)
    assert structure(p.logit())[0, 0].item() == pytest.approx(expected, rel=1e-5)


def test_unknown_labels_count_in_no_pair() -> None:
    labels = torch.tensor([[1, 1]] * 6 + [[0, 0]] * 3)
    more = torch.cat([labels, torch.tensor([[1, -1]] * 50)])
    for name, values in count_co_occurrence(labels, share=0.4).fitted().items():
        assert torch.equal(values, count_co_occurrence(more, share=0.4).fitted()[name])


def symmetric(labels: int) -> torch.Tensor:
    pair = torch.randn(labels, labels, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return (pair + pair.T).fill_diagonal_(0) / 2


def test_gibbs_sampling_of_a_symmetric_network_settles_where_the_field_is() -> None:
    pair, one, scale = symmetric(5), torch.ones(5).double(), torch.eye(5).double()
    network, field = DependencyNetwork(scale, one * 0.2, pair), PairwiseCrf(one * 0.2, pair)
    logits = torch.randn(4, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    # 200 chains of each image at a time
    repeated = logits.repeat_interleave(200, 0)
    found = network.gibbs(repeated, sweeps=60, burn=20, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(found.reshape(4, 200, 5).mean(1), field(logits), atol=0.03, rtol=0)
    torch.testing.assert_close(network(logits), field.mean_field(logits))


def test_a_network_may_depend_one_way_and_on_itself_never() -> None:
    one = torch.eye(2)
    network = DependencyNetwork(one, torch.zeros(2), torch.tensor([[0.0, 4.0], [0.0, 0.0]]))
    found = network(torch.tensor([[0.0, 3.0]]))[0]
    assert found[0] > 0.9
    assert found[1].item() == pytest.approx(torch.tensor(3.0).sigmoid().item(), abs=1e-6)
    with pytest.raises(ValueError, match="must have 0 on the diagonal"):
        DependencyNetwork(one, torch.zeros(2), one)


@pytest.mark.integration  # takes seconds
def test_a_planted_dependency_is_found_by_the_network() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2000, 3, generator=generator, dtype=torch.float64)
    labels = (torch.rand(2000, 3, generator=generator) < logits.sigmoid()).to(torch.int8)
    wanted = logits[:, 2] + 3 * labels[:, 0] - 1.5
    labels[:, 2] = (torch.rand(2000, generator=generator) < wanted.sigmoid()).to(torch.int8)
    found = fit_dependency_network(logits, labels, strength=1e-4)
    assert found.weight[2, 0].item() == pytest.approx(3, abs=0.5)
    assert found.weight[2, 1].abs() < 0.4


def test_an_ensemble_is_the_mean_of_its_chains() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(100, 4, generator=generator, dtype=torch.float64)
    labels = (logits + logits.flip(1) > 0).to(torch.int8)
    orders = drawn_orders(4)
    assert len({tuple(order) for order in orders}) > 1
    ensemble = fit_chain_ensemble(logits, labels, orders, strength=0.1)
    each = [fit_chain(logits, labels, order, strength=0.1).exact(logits) for order in orders]
    torch.testing.assert_close(ensemble(logits), torch.stack(each).mean(0))


def test_the_share_of_sets_that_were_seen_is_that_of_the_images() -> None:
    generator = torch.Generator().manual_seed(0)
    counted = torch.tensor([[1, 1, 0]] * 40 + [[0, 0, 1]] * 40)
    new = (torch.rand(300, 3, generator=generator) < 0.5).to(torch.int8)
    same = counted[torch.randint(80, (300,), generator=generator)]
    for labels, low, high in ((same, 0.95, 1.0), (new, 0.0, 0.3)):
        logits = (2 * labels - 1).double() + torch.randn(300, 3, generator=generator, dtype=torch.float64)
        assert low <= fit_label_sets(logits, labels, counted, 1.0).seen <= high


def test_rakel_of_one_group_is_bayes_rule_over_all_sets_of_it() -> None:
    labels = torch.tensor([[1, 1]] * 6 + [[0, 0]] * 3)
    structure, logits = count_rakel(labels, weight=1.0), torch.tensor([[0.5, -0.2]])
    counts = {(0, 0): 4, (0, 1): 1, (1, 0): 1, (1, 1): 7}
    share = torch.tensor([8 / 13, 8 / 13])
    weights = {}
    for one, count in counts.items():
        y, p = torch.tensor(one), logits.sigmoid()[0]
        ratio = torch.where(y == 1, p / share, (1 - p) / (1 - share)).prod()
        weights[one] = count * float(ratio)
    expected = (weights[1, 0] + weights[1, 1]) / sum(weights.values())
    assert structure(logits)[0, 0].item() == pytest.approx(expected, rel=1e-5)
    assert count_label_sets(labels).sets.tolist() == [[0, 0], [1, 1]]


def test_every_label_is_in_a_group_of_different_labels() -> None:
    for labels in (2, 3, 17, 40):
        groups = draw_groups(labels)
        assert set(groups.flatten().tolist()) == set(range(labels))
        assert all(len(set(group)) == len(group) for group in groups.tolist())


def test_thirty_per_cent_of_hidden_labels_are_restored() -> None:
    random = np.random.default_rng(0)
    kinds = (random.random((4, 20)) < 0.4).astype(np.int8)  # of images, each with its labels
    truth = torch.from_numpy(kinds[random.integers(0, 4, 200)])
    hidden = torch.from_numpy(random.random(truth.shape) < 0.3)
    filled, mean, projection = complete(torch.where(hidden, -1, truth), strength=0.1)
    restored = (filled > 0.5)[hidden] == (truth == 1)[hidden]
    by_frequency = (mean > 0.5).expand_as(truth)[hidden] == (truth == 1)[hidden]
    assert restored.double().mean() > 0.98
    assert by_frequency.double().mean() < 0.8
    assert torch.equal(filled[~hidden].round(), truth.double()[~hidden])
    assert torch.linalg.matrix_rank(projection, atol=0.05) <= 4
