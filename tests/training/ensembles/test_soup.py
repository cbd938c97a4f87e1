"""Greedy soups of weights."""

import torch

from darkroom.training.ensembles.soup import greedy_soup, mean_of


def test_a_soup_of_one_is_itself() -> None:
    alone = {"weight": torch.randn(3, 5, generator=torch.Generator().manual_seed(0))}
    soup, chosen = greedy_soup([alone], lambda weights: 0.0)
    assert chosen == [0]
    assert torch.equal(soup["weight"], alone["weight"])
    assert torch.equal(mean_of([alone])["weight"], alone["weight"])


def test_what_makes_it_worse_is_left_out() -> None:
    target = torch.tensor([1.0, 1.0])
    near, other, far = ({"w": target + torch.tensor(off)} for off in ([0.2, 0.0], [-0.3, 0.1], [5.0, 5.0]))
    soup, chosen = greedy_soup([far, other, near], lambda weights: -float((weights["w"] - target).norm()))
    assert chosen == [2, 1]
    torch.testing.assert_close(soup["w"], target + torch.tensor([-0.05, 0.05]))
