"""CNN-RNN: the beam against all sequences, the loss by hand, and its orders."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from darkroom.models.heads.cnn_rnn import CnnRnn

FEATURES, LABELS = 5, 4
POOLED = torch.randn(2, FEATURES, generator=torch.Generator().manual_seed(3))


def head(*, by_frequency: bool, beam: int = 1000) -> CnnRnn:
    torch.manual_seed(0)
    made = CnnRnn(features=FEATURES, labels=LABELS, by_frequency=by_frequency, beam=beam).eval()
    with torch.no_grad():
        made.embedding.normal_()
        made.bias.normal_()
    made.prepare(torch.tensor([[1, 0, 1, 0], [1, 1, 1, 0], [0, 1, 1, 1]]))  # the order 2, 0, 1, 3
    return made


def probability(net: CnnRnn, pooled: Tensor, sequence: tuple[int, ...]) -> float:
    """Return the probability of exactly this sequence and its end, one step after another, by hand."""
    h = c = torch.zeros(1, 128)
    inputs, found = net.embedding[-1:], 1.0
    for place, label in enumerate((*sequence, LABELS)):
        h, c = net.cell(inputs, (h, c))
        scores = torch.relu(net.state(h) + net.image(pooled[None])) @ net.embedding.T + net.bias
        out = set(sequence[:place])
        if net.by_frequency and place:
            rank = net.rank.tolist()
            out |= {other for other in range(LABELS) if rank[other] <= rank[sequence[place - 1]]}
        allowed = [other for other in range(LABELS + 1) if other not in out]
        if label not in allowed:
            return 0.0
        found *= scores[0, allowed].softmax(0)[allowed.index(label)].item()
        inputs = net.embedding[label : label + 1]
    return found


@pytest.mark.parametrize("by_frequency", [False, True])
@torch.inference_mode()
def test_a_beam_that_gives_up_nothing_is_the_enumeration(by_frequency: bool) -> None:
    net = head(by_frequency=by_frequency)
    found = net.marginals(POOLED)
    for number, pooled in enumerate(POOLED):
        expected, total = [0.0] * LABELS, 0.0
        for length in range(LABELS + 1):
            for sequence in itertools.permutations(range(LABELS), length):
                each = probability(net, pooled, sequence)
                total += each
                for label in sequence:
                    expected[label] += each
        assert total == pytest.approx(1.0, abs=1e-5)
        torch.testing.assert_close(found[number], torch.tensor(expected), atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_a_beam_of_one_follows_the_most_probable_label_with_all_probability() -> None:
    net = head(by_frequency=False, beam=1)
    pooled, found = POOLED[0], torch.zeros(LABELS)
    h = c = torch.zeros(1, 128)
    inputs, allowed, mass = net.embedding[-1:], torch.ones(1, LABELS), 1.0
    for _ in range(LABELS):
        h, c = net.read(inputs, h, c)
        following = mass * net.next_probabilities(h, net.image(pooled[None]), allowed)[0, :-1]
        found, mass = found + following, following.sum().item()
        label = following.argmax()
        allowed[0, label] = 0
        inputs = net.embedding[label][None]
    torch.testing.assert_close(net.marginals(POOLED)[0], found, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("by_frequency", [False, True])
@torch.inference_mode()
def test_the_loss_is_the_cross_entropy_of_the_sequence(by_frequency: bool) -> None:
    net = head(by_frequency=by_frequency)
    labels = torch.tensor([[1, 0, 1, 0], [0, 0, 0, 0]])
    found = net.losses(POOLED[:, :, None, None], labels, lambda logits, _: logits.sum(1) * math.nan)
    # by frequency 2 comes before 0; learned, whichever is more probable at the first step
    sequences = [(2, 0)] if by_frequency else [(2, 0), (0, 2)]
    possible = [-math.log(probability(net, POOLED[0], sequence)) for sequence in sequences]
    assert min(abs(found[0].item() - each) for each in possible) < 1e-4
    if not by_frequency:
        first = net.next_probabilities(
            net.read(net.embedding[-1:], torch.zeros(1, 128), torch.zeros(1, 128))[0],
            net.image(POOLED[:1]),
            torch.ones(1, LABELS),
        )[0]
        chosen = (2, 0) if first[2] > first[0] else (0, 2)
        assert found[0].item() == pytest.approx(-math.log(probability(net, POOLED[0], chosen)), abs=1e-4)
    assert found[1].item() == pytest.approx(-math.log(probability(net, POOLED[1], ())), abs=1e-4)


def test_unknown_labels_are_not_compared_with() -> None:
    net = head(by_frequency=False)
    labels = torch.tensor([[1, 0, -1, -1], [0, 1, -1, -1]])
    loss = net.losses(POOLED[:, :, None, None], labels, lambda logits, _: logits.sum(1)).sum()
    loss.backward()  # type: ignore[no-untyped-call]
    assert net.embedding.grad is not None
    assert net.embedding.grad[2:4].abs().max() == 0
    assert net.embedding.grad[:2].abs().max() > 0


def test_the_most_frequent_label_has_rank_0() -> None:
    assert head(by_frequency=True).rank.tolist() == [1, 2, 0, 3]
