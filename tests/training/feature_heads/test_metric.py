"""The metric: by hand, and directions that tell labels apart count more than those that vary most."""

import pytest
import torch

from darkroom.models.feature_heads.metric import Metric
from darkroom.models.feature_heads.neighbours import PRIOR
from darkroom.training.feature_heads.metric import metric


def test_an_image_has_the_labels_of_those_that_are_near() -> None:
    labels = torch.tensor([[1, 0], [0, 1]], dtype=torch.int8)
    points = torch.tensor([[0.0], [2.0]])
    head = Metric(torch.tensor([[2.0, 0.0]]), points, labels)
    weight = torch.tensor([0.0, -4.0]).softmax(0)  # at 0 of the first feature, twice of which is compared
    expected = (weight + PRIOR / 2) / (1 + PRIOR)
    found = head(torch.tensor([[0.0, 9.0]])).sigmoid()[0]
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)


@pytest.mark.integration
def test_the_map_looks_where_labels_differ() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(160, 4, generator=generator, dtype=torch.float64)
    y = torch.stack([x[:, 1] > 0, x[:, 1] < -0.5], dim=1).to(torch.int8)
    x[:, 0] *= 5  # which varies most and says nothing
    _, head = next(metric(x, y, 0))
    assert isinstance(head, Metric)
    told = head.space.norm(dim=0)
    assert told[1] > 5 * told[[0, 2, 3]].max()
