"""The linear layer for several labels: logistic regressions, strengths by label, and every loss."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from darkroom.evaluation.multilabel.average_precision import mean_average_precision
from darkroom.training.head import STRENGTHS, Labelled, logits_of, minimise
from darkroom.training.label_head import fit_label_head, label_losses
from darkroom.training.losses.multilabel import LOSSES, build_label_loss, summed
from tests.helpers.training import tiny_params


def settings(**changes: Any) -> Any:
    several = {"loss": "binary_cross_entropy", "label_smoothing": 0.0, "best_by": "average_precision"}
    return tiny_params().train.model_copy(update=several | changes)


def made(count: int, *, seed: int, noise: float = 1.0) -> Labelled:
    """Return features and three labels that depend on two each; the last feature is constant."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, 4))
    truth = np.array([[2.0, 0, 1, 0], [0, -2, 0, 1], [1, 1, 0, 0]])
    labels = (x @ truth.T + noise * random.normal(size=(count, 3)) > [0, 0.5, 1]).astype(np.int8)
    x = np.concatenate([x * [1, 5, 0.2, 1] + 3, np.full((count, 1), 7.0)], axis=1)
    return Labelled(torch.from_numpy(x), torch.from_numpy(labels))


def test_each_label_is_a_logistic_regression() -> None:
    train = made(200, seed=0)
    train = replace(train, features=train.features[:, :4] - 3)
    loss = summed(build_label_loss(settings(), train.labels))
    layer = minimise(torch.zeros(3, 5, dtype=torch.float64), train, loss, strength=0.1)
    for label in range(3):
        theirs = LogisticRegression(C=1 / (0.1 * 200), tol=1e-10, max_iter=10_000)
        theirs.fit(train.features.numpy(), train.labels[:, label].numpy())
        ours = logits_of(layer, train.features)[:, label].numpy()
        np.testing.assert_allclose(ours, theirs.decision_function(train.features.numpy()), atol=1e-3)


def test_each_label_has_the_strength_of_its_smallest_validation_loss() -> None:
    train, validation = made(60, seed=1, noise=2.0), made(60, seed=2, noise=2.0)
    fit, strengths, weight, bias = fit_label_head(train, validation, settings=settings())
    assert set(strengths) <= set(STRENGTHS)
    losses = label_losses(validation.features @ weight.T + bias, validation.labels)
    assert weight[:, -1].tolist() == [0, 0, 0]  # of the constant feature
    for strength in STRENGTHS[: len(fit.history)]:
        mean, deviation = train.features.mean(0), train.features.std(0, correction=0).clamp(min=1e-6)
        seen = Labelled((train.features - mean) / deviation, train.labels)
        seen.features[:, -1] = 0
        loss = summed(build_label_loss(settings(), train.labels))
        layer = minimise(torch.zeros(3, 6, dtype=torch.float64), seen, loss, strength=strength)
        held_out = (validation.features - mean) / deviation
        held_out[:, -1] = 0
        assert (losses <= label_losses(logits_of(layer, held_out), validation.labels) + 1e-4).all()


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_orders_images_better_than_chance(name: str) -> None:
    train, validation = made(60, seed=3, noise=0.3), made(60, seed=4, noise=0.3)
    fit, _, weight, bias = fit_label_head(train, validation, settings=settings(loss=name))
    labels = validation.labels.numpy()
    # those that compare labels of an image order labels, and images only as far as that follows
    chance = float((labels == 1).mean(axis=0).mean())
    found = mean_average_precision((validation.features @ weight.T + bias).numpy(), labels)
    assert found > chance + 0.2
    assert fit.best.score("average_precision") == pytest.approx(found, abs=0.1)


@pytest.mark.integration  # takes seconds
def test_unknown_labels_change_nothing() -> None:
    train, validation = made(80, seed=5), made(80, seed=6)
    hidden = train.labels.clone()
    hidden[:20, 1] = -1
    other = train.features.clone()
    found = [
        fit_label_head(Labelled(other, hidden), validation, settings=settings())[2][1],
        fit_label_head(
            Labelled(torch.cat([train.features]), hidden.clone()), validation, settings=settings()
        )[2][1],
    ]
    assert torch.equal(found[0], found[1])
    first = fit_label_head(Labelled(train.features, hidden), validation, settings=settings())
    flipped = train.labels.clone()
    flipped[:20, 1] = 1 - flipped[:20, 1]
    assert not torch.equal(
        first[2][1], fit_label_head(Labelled(train.features, flipped), validation, settings=settings())[2][1]
    )
