"""Ensemble selection: as computed by hand, and never worse than the best member on the images that chose."""

import numpy as np
import pytest

from darkroom.training.ensembles import selection
from darkroom.training.ensembles.selection import combined, cross_fitted, greedy_shares, log_loss, selected


def random_members(count: int, images: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return log-probabilities of members of different quality on two views, and the labels."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 4, images)
    quality = random.uniform(0, 3, count)[:, None, None, None]
    scores = random.normal(size=(count, 2, images, 4)) * 2
    scores += quality * np.eye(4)[labels]
    logs = scores - np.log(np.exp(scores).sum(3, keepdims=True))
    return logs.astype(np.float32), labels


def test_greedy_selection_is_as_by_hand() -> None:
    # Of two images of class 0 each member is sure of another one. Alone the first has the smaller loss; the
    # mean of both is better; and of mean p, 2/3 p + 1/3 q, ... the even mixture is the best of all.
    first, second = [[0.9, 0.1], [0.4, 0.6]], [[0.3, 0.7], [0.9, 0.1]]
    labels = np.array([0, 0])
    shares = selected(np.array([[first], [second]]), labels)
    mixtures = {
        weight: -np.log(weight * np.array([0.9, 0.4]) + (1 - weight) * np.array([0.3, 0.9])).mean()
        for weight in (number / whole for whole in range(1, 26) for number in range(whole + 1))
    }
    assert shares.sum() == 1
    assert shares[0] == pytest.approx(min(mixtures, key=lambda weight: mixtures[weight]), abs=0.05)
    assert selected(np.array([[first]]), labels).tolist() == [1.0]


@pytest.mark.parametrize("seed", range(4))
def test_it_is_never_worse_than_the_best_member(seed: int) -> None:
    logs, labels = random_members(2 + seed % 4, 60, seed=seed)
    shares = greedy_shares(logs, labels, seed=0)
    ones = np.eye(len(logs))
    alone = [log_loss(combined(logs, one), labels) for one in ones]
    assert shares.min() >= 0
    assert shares.sum() == pytest.approx(1)
    assert log_loss(combined(logs, shares), labels) <= min(alone) + 1e-12
    assert np.array_equal(shares, greedy_shares(logs, labels, seed=0))


def test_an_image_has_no_part_in_the_weights_that_predict_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "BAGS", 2)
    logs, labels = random_members(3, 50, seed=1)
    before = cross_fitted(logs, labels, seed=0)
    changed = labels.copy()
    changed[7] = (changed[7] + 1) % 4
    after = cross_fitted(logs, changed, seed=0)
    assert np.array_equal(before[7], after[7])
    assert not np.array_equal(before, after)
    np.testing.assert_allclose(np.exp(after).sum(1), 1)
