"""Bloom codes: 10,000 labels are decoded as often wrongly as theory says; what is unknown stays so."""

import pytest
import torch

from darkroom.models.feature_heads.bloom import decoded
from darkroom.training.feature_heads.bloom import HASHES, bits_for, bloom, codes, error_rate, label_bits

LABELS, CROWD, IMAGES = 10_000, 6, 120


def label_sets(count: int, *, labels: int, crowd: int, seed: int = 0) -> torch.Tensor:
    """Return labels int8 [N,L] of images with so many labels each."""
    generator = torch.Generator().manual_seed(seed)
    places = torch.stack([torch.randperm(labels, generator=generator)[:crowd] for _ in range(count)])
    return torch.zeros(count, labels, dtype=torch.int8).scatter_(1, places, 1)


def test_certain_bits_of_10_000_labels_are_decoded_as_often_wrongly_as_theory_says() -> None:
    length = 90  # short, so that errors are many enough to be counted
    bits, truth = label_bits(LABELS, length, seed=0), label_sets(IMAGES, labels=LABELS, crowd=CROWD)
    found = decoded(codes(truth, bits).float() * 40 - 20, bits) > 0
    assert bool(found[truth == 1].all()), "no label is lost"
    wrong = found[truth == 0].double().mean().item()
    assert 0.93 < wrong / error_rate(length, CROWD) < 1.07


def test_the_code_is_as_long_as_the_tolerated_error_asks() -> None:
    length = bits_for(LABELS, CROWD)
    assert LABELS * error_rate(length, CROWD) <= 0.1 < LABELS * error_rate(length - 1, CROWD)
    bits, truth = label_bits(LABELS, length, seed=1), label_sets(IMAGES, labels=LABELS, crowd=CROWD)
    found = decoded(codes(truth, bits).float() * 40 - 20, bits) > 0
    too_many = found[truth == 0].sum().item() / IMAGES
    assert too_many < 0.2
    assert length < LABELS / 20


def test_labels_have_different_codes_that_the_seed_alone_decides() -> None:
    bits = label_bits(200, 16, seed=3)
    assert len({tuple(row) for row in bits.tolist()}) == 200
    assert all(len(set(row)) == HASHES for row in bits.tolist())
    assert torch.equal(bits, label_bits(200, 16, seed=3))


def test_an_unknown_label_makes_bits_unknown_that_no_known_one_has() -> None:
    bits = torch.tensor([[0, 1], [1, 2], [2, 3]])
    assert codes(torch.tensor([[1, -1, 0]]), bits).tolist() == [[1, 1, -1, 0]]


def test_the_probability_of_a_label_is_the_product_of_its_bits() -> None:
    z = torch.tensor([[0.3, -1.2, 2.0]])
    bits = torch.tensor([[0, 1], [1, 2]])
    expected = torch.stack([z[0, :2].sigmoid().prod(), z[0, 1:].sigmoid().prod()])
    torch.testing.assert_close(decoded(z, bits)[0].sigmoid(), expected)


@pytest.mark.integration
def test_a_label_of_three_hundred_is_found_through_few_bits() -> None:
    generator = torch.Generator().manual_seed(0)
    labels, count = 300, 120
    truth = label_sets(count, labels=labels, crowd=1)[:, torch.arange(labels) % 12]  # twelve kinds of images
    kinds = torch.nn.functional.one_hot(truth[:, :12].argmax(1), 12).double()
    features = kinds @ torch.randn(12, 12, generator=generator).double()
    _, head = list(zip(range(3), bloom(features, truth, 0), strict=False))[-1][1]
    assert len(head.layer) < labels
    found = head(features.float()) > 0
    assert (found == (truth == 1)).double().mean() > 0.98
