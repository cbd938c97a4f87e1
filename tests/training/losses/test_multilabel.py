"""Losses of several labels: their values by hand, their gradients, and that unknown labels change nothing."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.training.losses.multilabel import LOSSES, build_label_loss, summed
from darkroom.training.losses.multilabel.asymmetric import asymmetric
from darkroom.training.losses.multilabel.binary_cross_entropy import binary_cross_entropy
from darkroom.training.losses.multilabel.binary_focal import binary_focal
from darkroom.training.losses.multilabel.lsep import lsep
from darkroom.training.losses.multilabel.pairwise_hinge import pairwise_hinge
from darkroom.training.losses.multilabel.softmax_set import softmax_set
from darkroom.training.losses.multilabel.warp import warp
from tests.helpers.training import tiny_params

ONES = torch.ones(4, dtype=torch.float64)
LABELS = torch.tensor([[1, 0, 0, 1], [0, 1, -1, 0], [0, 0, 0, 0], [1, 1, 1, 1]])
SMOOTH: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "binary_cross_entropy": partial(binary_cross_entropy, weights=ONES * 2, label_smoothing=0.1),
    "binary_focal": partial(binary_focal, weights=ONES),
    "asymmetric": partial(asymmetric, weights=ONES),
    "lsep": partial(lsep, weights=ONES * 2),
    "softmax_set": partial(softmax_set, weights=ONES),
    "pairwise_hinge": partial(pairwise_hinge, weights=ONES),
}


def logits(seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(4, 4, generator=generator, dtype=torch.float64) * 2


@pytest.mark.parametrize("name", SMOOTH)
def test_the_gradient_is_the_numerical_one(name: str) -> None:
    x = logits().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: SMOOTH[name](z, LABELS), (x,))


@pytest.mark.parametrize("name", LOSSES)
def test_unknown_labels_have_no_part_in_value_and_gradient(name: str) -> None:
    settings = tiny_params({"train": {"loss": "cross_entropy"}}).train.model_copy(update={"loss": name})
    loss = build_label_loss(settings, LABELS)
    found = []
    for value in (0.0, 50.0):
        x = logits().float()
        x[1, 2] = value
        x.requires_grad_()
        torch.manual_seed(0)
        each = loss(x, LABELS)
        each.sum().backward()  # type: ignore[no-untyped-call]
        assert x.grad is not None
        assert x.grad[1, 2] == 0
        assert x.grad.isfinite().all()
        found.append(each.detach())
    assert torch.equal(found[0], found[1])


def test_cross_entropy_is_torchs_with_weights_and_smoothing() -> None:
    x, known = logits(), LABELS[[0, 2, 3]]
    z = x[[0, 2, 3]]
    theirs = F.binary_cross_entropy_with_logits(z, known.double(), pos_weight=ONES * 3, reduction="none")
    torch.testing.assert_close(binary_cross_entropy(z, known, weights=ONES * 3), theirs.sum(1))
    smooth = F.binary_cross_entropy_with_logits(z, known.double() * 0.8 + 0.1, reduction="none").sum(1)
    torch.testing.assert_close(binary_cross_entropy(z, known, weights=ONES, label_smoothing=0.2), smooth)


def test_focal_and_asymmetric_contain_cross_entropy() -> None:
    x = logits()
    plain = binary_cross_entropy(x, LABELS, weights=ONES)
    torch.testing.assert_close(binary_focal(x, LABELS, weights=ONES, gamma=0), plain)
    no_change = partial(asymmetric, weights=ONES, gamma_yes=0, gamma_no=0, margin=0)
    torch.testing.assert_close(no_change(x, LABELS), plain)
    same = asymmetric(x, LABELS, weights=ONES, gamma_yes=2, gamma_no=2, margin=0)
    torch.testing.assert_close(same, binary_focal(x, LABELS, weights=ONES, gamma=2))


def test_asymmetric_by_hand() -> None:
    x = torch.tensor([[0.0, 0.0]], dtype=torch.float64)
    found = asymmetric(x, torch.tensor([[1, 0]]), weights=ONES[:2])
    shifted = torch.tensor(0.45).double()
    expected = -torch.tensor(0.5).double().log() - (1 - shifted).log() * shifted**4
    torch.testing.assert_close(found[0], expected)


def test_ranking_losses_by_hand() -> None:
    x = torch.tensor([[2.0, 1.5, -1.0]], dtype=torch.float64)
    labels = torch.tensor([[1, 0, 0]])
    expected = (1 + torch.tensor([-0.5, -3.0]).double().exp().sum()).log()
    torch.testing.assert_close(lsep(x, labels, weights=ONES[:3])[0], expected)
    assert pairwise_hinge(x, labels, weights=ONES[:3]).item() == pytest.approx((0.5 + 0) / 2)


def test_softmax_by_hand() -> None:
    x = torch.tensor([[1.0, 0.0, -1.0]], dtype=torch.float64)
    expected = -x.log_softmax(1)[0, :2].mean()
    torch.testing.assert_close(softmax_set(x, torch.tensor([[1, 1, 0]]), weights=ONES[:3])[0], expected)


def test_the_draws_until_a_violator_are_those_of_the_papers_loop() -> None:
    # of 5 negatives 2 violate: without replacement the first one comes at draw 1, 2, 3 or 4
    x = torch.tensor([[0.0, 0.5, -0.5, -9.0, -9.0, -9.0]], dtype=torch.float64)
    labels = torch.tensor([[1, 0, 0, 0, 0, 0]])
    shares = {1: 2 / 5, 2: 3 / 5 * 2 / 4, 3: 3 / 5 * 2 / 4 * 2 / 3, 4: 3 / 5 * 2 / 4 * 1 / 3}
    harmonic = {draws: sum(1 / k for k in range(1, 5 // draws + 1)) for draws in shares}
    expected = sum(share * harmonic[draws] for draws, share in shares.items()) * (1.5 + 0.5) / 2
    generator = torch.Generator().manual_seed(0)
    rows = 20_000
    found = warp(x.expand(rows, -1), labels.expand(rows, -1), weights=torch.ones(6), generator=generator)
    assert found.mean().item() == pytest.approx(expected, rel=0.02)


def test_warp_is_nothing_where_every_label_is_ahead_by_the_margin() -> None:
    x = torch.tensor([[3.0, 1.0, 1.9, -1.0]], dtype=torch.float64)
    assert warp(x, torch.tensor([[1, 0, 0, 0]]), weights=ONES).item() == 0


def test_warps_gradient_is_that_of_its_sampled_pairs() -> None:
    x = logits().requires_grad_()

    def loss(z: Tensor) -> Tensor:
        return warp(z, LABELS, weights=ONES, generator=torch.Generator().manual_seed(3))

    assert torch.autograd.gradcheck(loss, (x,))


def test_rare_labels_weigh_more_and_the_sum_is_over_the_images() -> None:
    settings = tiny_params().train.model_copy(
        update={"loss": "binary_cross_entropy", "class_weights": "balanced", "label_smoothing": 0.0}
    )
    labels = torch.tensor([[1, 0], [0, 0], [0, 1], [0, 1]])
    loss = build_label_loss(settings, labels)
    x = torch.zeros(4, 2)
    log2 = torch.tensor(2.0).log()
    assert (loss(x, labels) / log2).tolist() == pytest.approx([4, 2, 2, 2])
    assert summed(loss)(x, labels).item() == pytest.approx(10 * log2.item())


def test_an_unknown_name_is_refused() -> None:
    settings = tiny_params().train.model_copy(update={"loss": "ranking"})
    with pytest.raises(ValueError, match="'ranking' of several labels is unknown: binary_cross_entropy"):
        build_label_loss(settings, LABELS)
