"""The losses, each against its formula."""

import pytest
import torch

from darkroom.training.losses import LOSSES, build_loss
from darkroom.training.losses.class_weights import CLASS_WEIGHTS
from tests.helpers.training import tiny_params

COUNTS = torch.tensor([900, 90, 9, 1])


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
    loss = build_loss(tiny_params({"train": {"label_smoothing": smoothing}}).train, COUNTS)
    target = torch.full((7, 4), smoothing / 4)
    target[torch.arange(7), labels] += 1 - smoothing
    expected = -(target * logits.log_softmax(1)).sum()
    torch.testing.assert_close(loss(logits, labels), expected)


def test_an_unknown_loss_is_refused_with_the_known_names() -> None:
    settings = tiny_params().train.model_copy(update={"loss": "hinge"})
    with pytest.raises(ValueError, match="loss 'hinge' is unknown: cross_entropy"):
        build_loss(settings, COUNTS)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("kind", CLASS_WEIGHTS)
def test_each_image_counts_in_any_loss_as_its_class_weighs(name: str, kind: str) -> None:
    plain = tiny_params({"train": {"loss": name, "label_smoothing": 0.2}}).train
    weights = CLASS_WEIGHTS[kind](COUNTS)
    assert (weights * COUNTS).sum().item() == pytest.approx(1000), "the mean over the images is 1"
    assert weights.diff().min() > 0, "the rarer, the heavier"
    logits, labels = batch()
    logits.requires_grad_()
    one = build_loss(plain, COUNTS)
    parts = [one(logits[row : row + 1], labels[row : row + 1]) for row in range(len(labels))]
    expected = torch.stack([weights[label] * part for label, part in zip(labels, parts, strict=True)]).sum()
    weighted = build_loss(plain.model_copy(update={"class_weights": kind}), COUNTS)(logits, labels)
    torch.testing.assert_close(weighted, expected)
    torch.testing.assert_close(*(torch.autograd.grad(x, logits)[0] for x in (weighted, expected)))


@pytest.mark.parametrize("name", LOSSES)
def test_logit_adjustment_is_any_loss_on_logits_with_the_classes_shares(name: str) -> None:
    plain = tiny_params({"train": {"loss": name}}).train
    logits, labels = batch()
    adjusted = build_loss(plain.model_copy(update={"logit_adjustment": 1.5}), COUNTS)
    shares = torch.tensor([0.9, 0.09, 0.009, 0.001])
    expected = build_loss(plain, COUNTS)(logits + 1.5 * shares.log(), labels)
    torch.testing.assert_close(adjusted(logits, labels), expected)


@pytest.mark.parametrize(
    "changes", [{"class_weights": kind} for kind in CLASS_WEIGHTS] + [{"logit_adjustment": 1.0}]
)
def test_a_class_without_training_images_leaves_the_loss_finite(changes: dict[str, object]) -> None:
    settings = tiny_params({"train": changes}).train
    logits, labels = batch()
    loss = build_loss(settings, torch.tensor([10, 10, 10, 0]))(logits, labels.clamp(max=2))
    assert loss.isfinite()
    assert loss > 0
