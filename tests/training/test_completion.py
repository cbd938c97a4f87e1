"""Unknown training labels are filled in: planted ones come back, and what is known stays as it is."""

import numpy as np
import pytest
import torch

from darkroom import UserError
from darkroom.data.splits import Split
from darkroom.training.completion import completed, with_known_labels
from tests.helpers.training import tiny_params


def planted(images: int = 300, labels: int = 12, *, kinds: int = 3) -> torch.Tensor:
    """Return labels int8 [N,L] of images of which each is a mixture of a few kinds, with some noise."""
    generator = torch.Generator().manual_seed(0)
    of_kind = torch.rand(kinds, labels, generator=generator) < 0.4
    kind = torch.rand(images, kinds, generator=generator) < 0.4
    truth = (kind.float() @ of_kind.float()) > 0
    noise = torch.rand(images, labels, generator=generator) < 0.03
    return (truth ^ noise).to(torch.int8)


def test_thirty_per_cent_hidden_labels_are_restored_far_better_than_by_the_base_rate() -> None:
    truth = planted()
    hidden = torch.rand(truth.shape, generator=torch.Generator().manual_seed(1)) < 0.3
    labels = torch.where(hidden, -1, truth)
    found = completed(labels, seed=0)
    assert torch.equal(found[~hidden], truth[~hidden])
    assert bool((found >= 0).all())
    known = labels >= 0
    frequent = ((labels == 1).sum(0) * 2 > known.sum(0)).to(torch.int8).expand_as(truth)
    right, by_rate = ((guess == truth)[hidden].double().mean().item() for guess in (found, frequent))
    assert right > 0.85
    assert 1 - right < 0.6 * (1 - by_rate)


def test_only_with_complete_and_only_labels_change() -> None:
    labels = torch.where(torch.rand(60, 4) < 0.3, -1, planted(60, 4)).numpy()
    split = Split(np.zeros((60, 2, 2, 3), np.uint8), labels)
    train = tiny_params().train
    assert with_known_labels(split, train, seed=0) is split
    found = with_known_labels(split, train.model_copy(update={"unknown_labels": "complete"}), seed=0)
    assert found.images is split.images
    assert found.labels.dtype == np.int8
    assert (found.labels[(labels >= 0).any(1)] >= 0).all()
    assert (labels == -1).any(), "the labels of the split are not written to"


def test_too_many_labels_are_refused() -> None:
    with pytest.raises(UserError, match=r"1,000 labels at most, and there are 1,001: set train"):
        completed(torch.full((2, 1001), -1, dtype=torch.int8), seed=0)
