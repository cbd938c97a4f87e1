"""The floating-point operations of a training, counted without running it."""

import copy
from collections.abc import Iterable, Mapping

import torch
from torch.utils.flop_counter import FlopCounterMode

from darkroom.config import Params
from darkroom.models.classifier import Classifier
from darkroom.models.networks.fast import FastNet
from darkroom.training.plan import plan_epochs
from darkroom.training.resolution import shrink


def training_flops(classifier: Classifier, params: Params, *, shape: tuple[int, ...]) -> float:
    """Count the floating-point operations of a training's convolutions and products, forward and backward.

    `shape` is that of the training images, [N,H,W,C].
    """
    sides = {plan.side for plan in plan_epochs(params.train, shape[0])}
    return planned_flops(params, shape[0], flops_by_side(classifier, sides, shape))


def planned_flops(params: Params, images: int, of_image: Mapping[tuple[int, bool], float]) -> float:
    """Add up what `flops_by_side` counted over the epochs of a training on `images` images."""
    plans = plan_epochs(params.train, images)
    # from then on the first block's gradients are not computed
    until = params.train.first_block_until * sum(plan.images for plan in plans)
    total, before = 0.0, 0
    for plan in plans:
        after = before + plan.images
        trained = min(max(until, before), after) - before
        total += trained * of_image[plan.side, True]
        total += (plan.images - trained) * of_image[plan.side, False]
        before = after
    return total


def flops_by_side(
    classifier: Classifier, sides: Iterable[int], shape: tuple[int, ...]
) -> dict[tuple[int, bool], float]:
    """Count an image's operations at each side in pixels (0: full size), its first block trained or not."""
    return {
        (side, first_block): image_flops(classifier, side, shape, first_block=first_block)
        for side in sides
        for first_block in (True, False)
    }


def image_flops(classifier: Classifier, side: int, shape: tuple[int, ...], *, first_block: bool) -> float:
    """Count the operations of one image's step, at `side` pixels (0: full size).

    Without the gradients of the stem's biases, which are trained for a small part of the time.
    """
    classifier = copy.deepcopy(classifier).to("meta").train()  # shapes only: nothing is computed
    if isinstance(classifier.net, FastNet):  # they are frozen for most of a training
        classifier.net.whitening.requires_grad_(False)
        classifier.net.blocks[0].requires_grad_(first_block)
    blank = torch.zeros(8, *shape[1:], dtype=torch.uint8, device="meta")
    with FlopCounterMode(display=False) as counter:
        classifier.net(classifier.standardise(shrink(blank, side))).sum().backward()
    return float(counter.get_total_flops()) / 8
