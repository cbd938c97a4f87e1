"""SLEEC: neighbours in the embedding share labels, clusters are told apart, too much is refused."""

import pytest
import torch

from darkroom import UserError
from darkroom.models.feature_heads.sleec import NEIGHBOURS, nearness
from darkroom.training.feature_heads import sleec as fitting
from darkroom.training.feature_heads.sleec import clusters, near_products, sleec


def test_products_of_labels_in_common_are_kept() -> None:
    generator = torch.Generator().manual_seed(0)
    kinds = (torch.rand(6, 40, generator=generator) < 0.2).double()  # sets of labels that images repeat
    labels = kinds[torch.arange(60) % 6]
    embedding = near_products(labels, seed=0)
    unit = labels / labels.norm(dim=1, keepdim=True).clamp(min=1)
    torch.testing.assert_close(embedding @ embedding.T, unit @ unit.T, atol=0.01, rtol=0)


def test_weights_are_those_of_the_nearest_alone_and_jump_nowhere() -> None:
    distances = torch.rand(4, 50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weights = nearness(distances)
    torch.testing.assert_close(weights.sum(1), torch.ones(4, dtype=torch.float64))
    order = distances.argsort(1)
    assert bool((weights.gather(1, order)[:, NEIGHBOURS + 1 :] == 0).all())
    nearer = distances.clone()
    nearer[:, order[0, NEIGHBOURS]] -= 1e-6  # which may now be among the nearest
    assert (nearness(nearer) - weights).abs().max() < 1e-5
    equal = nearness(torch.full((1, 50), 2.0))
    torch.testing.assert_close(equal, torch.full((1, 50), 1 / 50))


def test_each_cluster_has_a_map_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two clouds in which the same direction says opposite things: one linear map could not."""
    monkeypatch.setattr(fitting, "CLUSTER", 100)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200, 5, generator=generator, dtype=torch.float64)
    side = torch.arange(200) % 2 * 2 - 1
    y = ((x[:, 1] * side) > 0).to(torch.int8)[:, None].repeat(1, 2)
    y[:, 1] = 1 - y[:, 0]
    x[:, 0] += 8 * side
    nearest, centres = clusters(x, seed=0)
    assert len(centres) == 2
    assert len({(int(a), int(b)) for a, b in zip(nearest, side, strict=True)}) == 2
    _, head = list(sleec(x, y, 0))[-1]
    found = (head(x.float()) > 0).to(torch.int8)
    assert (found == y).double().mean() > 0.9


def test_too_many_labels_of_too_many_images_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "MOST", 500)
    with pytest.raises(
        UserError, match=r"60 images .* times 10 labels are more than 500: set model.head=bloom"
    ):
        next(sleec(torch.zeros(60, 3).double(), torch.zeros(60, 10, dtype=torch.int8), 0))
