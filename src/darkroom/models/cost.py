"""What a prediction costs: multiplications and additions, which do not depend on the machine; and time."""

import time
from statistics import median

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from darkroom.models.backbones.compiled import compiled_module
from darkroom.models.classifier import Classifier
from darkroom.models.compiled_ensemble import Logits

RUNS = 20  # single images that are timed, of which the median is taken
WARM_UP = 3  # runs that are not counted


def multiply_adds(classifier: Classifier, *, shape: tuple[int, int, int]) -> int:
    """Return how many multiplications with an addition an image [H,W,C] takes, with all views.

    Those of convolutions and of products of matrices are counted.
    """
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        classifier.logits(torch.zeros(1, *shape, dtype=torch.uint8))
    return int(counter.get_total_flops()) // 2


def milliseconds(classifier: Classifier, *, shape: tuple[int, int, int]) -> float:
    """Return the median time of one image [H,W,C] on one thread of this CPU, with all views, by OpenVINO."""
    compute = compiled_module(Logits(classifier).eval(), shape, 1)
    image = np.zeros((1, *shape), np.uint8)
    taken = []
    for _ in range(WARM_UP + RUNS):
        began = time.perf_counter()
        compute(image)
        taken.append(1000 * (time.perf_counter() - began))
    return median(taken[WARM_UP:])
