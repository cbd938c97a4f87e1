"""Balanced sampling shows every class equally often."""

import pytest
import torch

from darkroom.training.sampling import balanced_order

LABELS = torch.tensor([0] * 900 + [2] * 90 + [5] * 7)[
    torch.randperm(997, generator=torch.Generator().manual_seed(1))
]


def drawn(images: int, seed: int = 0, hardest: torch.Tensor | None = None) -> torch.Tensor:
    return balanced_order(LABELS, images, torch.Generator().manual_seed(seed), hardest=hardest)


@pytest.mark.parametrize("images", [1, 2, 10, 300, 997, 998])
def test_every_class_that_has_images_has_the_same_part(images: int) -> None:
    order = drawn(images)
    assert len(order) == images
    counts = LABELS[order].bincount(minlength=6)[[0, 2, 5]]
    assert counts.max() - counts.min() <= 1
    for label in (0, 2, 5):
        times = order.bincount(minlength=997)[label == LABELS]
        assert times.max() - times.min() <= 1, "its images are shown equally often"


def test_epochs_differ_and_the_same_seed_gives_the_same() -> None:
    assert torch.equal(drawn(300), drawn(300))
    assert set(drawn(300).tolist()) != set(drawn(300, seed=1).tolist())


def test_with_last_losses_the_hardest_of_each_class_are_shown() -> None:
    losses = torch.rand(997, generator=torch.Generator().manual_seed(2))
    order = drawn(300, hardest=losses)
    for label, shown in ((0, 100), (2, 90), (5, 7)):
        others = torch.ne(LABELS, label)
        expected = losses.masked_fill(others, -1).topk(shown).indices
        assert set(order[LABELS[order] == label].tolist()) == set(expected.tolist())


def test_a_million_images_of_a_thousand_classes() -> None:
    labels = torch.randint(0, 1000, (1_000_000,), generator=torch.Generator().manual_seed(0)).square() // 1000
    order = balanced_order(labels, 100_000, torch.Generator().manual_seed(0))
    counts = labels[order].bincount()
    assert counts[counts > 0].max() - counts[counts > 0].min() <= 1
