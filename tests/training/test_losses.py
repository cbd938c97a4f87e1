"""The losses, each against its formula."""

import pytest
import torch

from darkroom.training.losses import LOSSES, build_loss
from tests.helpers.training import tiny_params


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(7, 4, generator=generator), torch.randint(0, 4, (7,), generator=generator)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_a_sum_over_the_images_with_a_gradient(name: str) -> None:
    loss = LOSSES[name](tiny_params().train)
    logits, labels = batch()
    logits.requires_grad_()
    total = loss(logits, labels)
    assert total.shape == ()
    assert total.dtype == torch.float32
    torch.testing.assert_close(loss(logits[:3], labels[:3]) + loss(logits[3:], labels[3:]), total)
    (gradient,) = torch.autograd.grad(total, logits)
    assert gradient.isfinite().all()
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_is_the_formula(smoothing: float) -> None:
    logits, labels = batch()
    loss = build_loss(tiny_params({"train": {"label_smoothing": smoothing}}).train)
    target = torch.full((7, 4), smoothing / 4)
    target[torch.arange(7), labels] += 1 - smoothing
    expected = -(target * logits.log_softmax(1)).sum()
    torch.testing.assert_close(loss(logits, labels), expected)


def test_an_unknown_loss_is_refused_with_the_known_names() -> None:
    settings = tiny_params().train.model_copy(update={"loss": "hinge"})
    with pytest.raises(ValueError, match="loss 'hinge' is unknown: cross_entropy"):
        build_loss(settings)
