"""The averages of the weights, each against its formula."""

import math

import pytest
import torch

from darkroom.training.averaging import Average

pytestmark = pytest.mark.usefixtures("one_thread")


def test_ema_is_the_formula() -> None:
    trained = torch.nn.Linear(2, 1, bias=False)
    torch.nn.init.constant_(trained.weight, 1.0)
    average = Average(trained, kind="ema", memory=4)
    expected = 1.0
    for step, value in enumerate((2.0, 5.0, -1.0), start=1):
        torch.nn.init.constant_(trained.weight, value)
        average.step(step, 3)
        expected = math.exp(-1 / 4) * expected + (1 - math.exp(-1 / 4)) * value
    torch.testing.assert_close(average.module.weight, torch.full((1, 2), expected))
    assert trained.weight.flatten()[0] == -1, "the trained weights are left alone"


def test_lookahead_pulls_every_fifth_step_and_ends_on_the_average() -> None:
    trained = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(trained.weight, 0.0)
    average = Average(trained, kind="lookahead", memory=1)
    for step in range(1, 13):
        before = trained.weight.item() + 1
        torch.nn.init.constant_(trained.weight, before)  # as if trained by a step of 1
        average.step(step, 12)
        assert (abs(trained.weight.item() - before) > 0.01) is (step in (5, 10, 12))
    decay = 0.95**5 * (5 / 12) ** 3
    first = (1 - decay) * 5
    decay = 0.95**5 * (10 / 12) ** 3
    second = decay * first + (1 - decay) * (first + 5)
    assert trained.weight.item() == pytest.approx(second, rel=1e-5)
