"""Linear heads that embed labels: against scikit-learn and by hand, and what was planted is found."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.cross_decomposition import CCA
from torch import Tensor

from darkroom.config import load_params
from darkroom.evaluation.multilabel.average_precision import mean_average_precision
from darkroom.evaluation.multilabel.ranking import ranking_figures
from darkroom.training.head import Labelled, logits_of
from darkroom.training.label_head import fit_label_head
from darkroom.training.label_heads import LABEL_HEADS
from darkroom.training.label_heads.cca import directions
from darkroom.training.label_heads.devise import devise, label_vectors
from darkroom.training.label_heads.principal_labels import principal_directions
from darkroom.training.label_heads.regression import centred, ridges

# Those that are learned by steps take a second and more.
EACH = [
    pytest.param(name, marks=pytest.mark.integration) if name in ("wsabie", "devise") else name
    for name in LABEL_HEADS
]
PROJECT = Path(__file__).resolve().parents[3]


def planted(count: int, *, seed: int = 0, labels: int = 6, features: int = 12) -> tuple[Tensor, Tensor]:
    """Return features float64 [N,F] and labels int64 [N,L] that lie in two directions of the features."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, features, generator=generator, dtype=torch.float64)
    ways = torch.randn(2, labels, generator=torch.Generator().manual_seed(99), dtype=torch.float64)
    noise = 0.3 * torch.randn(count, labels, generator=generator, dtype=torch.float64)
    return x, (x[:, :2] @ ways + noise > 0.5).long()


@pytest.mark.parametrize("name", EACH)
def test_labels_in_few_directions_are_learned_through_the_strength_that_validation_chose(name: str) -> None:
    params = load_params(PROJECT / "params.yaml")
    settings = params.train.model_copy(update={"loss": "binary_cross_entropy"})
    train, validation = Labelled(*planted(150)), Labelled(*planted(80, seed=1))
    fit, chosen, weight, bias = fit_label_head(train, validation, settings=settings, head=name)
    new, truth = planted(200, seed=2)
    scores = logits_of(torch.cat([weight, bias[:, None]], dim=1), new)
    answers = truth.numpy().astype(np.int8)
    if name in ("cca", "principal_labels"):
        assert mean_average_precision(scores.numpy(), answers) > 0.9
    else:  # those that learn by ranks order an image's labels, and say nothing of images with none or all
        mixed = (truth.sum(1) > 0) & (truth.sum(1) < truth.shape[1])
        assert ranking_figures(scores[mixed].numpy(), answers[mixed])["label_ranking"].mean() > 0.9
    assert set(chosen) == {fit.best.strength}  # type: ignore[attr-defined]
    assert set(chosen) <= set(LABEL_HEADS[name][0])


@pytest.mark.parametrize("name", EACH)
def test_images_whose_labels_are_all_unknown_change_no_ranking(name: str) -> None:
    x, y = planted(60)
    more = torch.cat([x, torch.zeros(4, 12).double()]), torch.cat([y, torch.full((4, 6), -1)])
    _, layers = LABEL_HEADS[name]
    (strength, layer), (_, other) = (next(layers(*both, 0)) for both in ((x, y), more))
    assert strength == LABEL_HEADS[name][0][0]
    order, same = (logits_of(each, x).flatten() for each in (layer, other))
    assert torch.corrcoef(torch.stack([order, same]))[0, 1] > 0.95


def test_canonical_directions_are_those_of_scikit_learn() -> None:
    x, y = planted(300)
    x = x - x.mean(0)
    codes = centred(y)[0]
    size, basis = torch.linalg.eigh(x.T @ x / len(x))
    of_features, correlation, _ = directions(x, codes, basis=basis, white=size.rsqrt())
    theirs = CCA(n_components=2, scale=False, max_iter=5000, tol=1e-10).fit(x.numpy(), codes.numpy())
    ours = x @ of_features[:, :2]
    scores, of_labels = (torch.from_numpy(part) for part in theirs.transform(x.numpy(), codes.numpy()))
    for k in range(2):
        assert torch.corrcoef(torch.stack([ours[:, k], scores[:, k]]))[0, 1].abs() > 0.99
        expected = torch.corrcoef(torch.stack([scores[:, k], of_labels[:, k]]))[0, 1].item()
        assert correlation[k].item() == pytest.approx(expected, abs=0.02)


def test_ridge_regression_solves_its_normal_equations() -> None:
    x, y = planted(50)
    targets = y.double()
    for ridge, weight in ridges(x, targets):
        expected = torch.linalg.solve(x.T @ x / 50 + ridge * torch.eye(12).double(), x.T @ targets / 50).T
        torch.testing.assert_close(weight, expected)


def test_principal_directions_are_those_of_the_decomposition() -> None:
    codes = centred(planted(100)[1])[0]
    size, v = torch.linalg.svd(codes, full_matrices=False)[1:]
    found = principal_directions(codes, kept=0.9)
    share = size.square().cumsum(0) / size.square().sum()
    assert found.shape[1] == int((share < 0.9).sum()) + 1 < 6
    torch.testing.assert_close(found @ found.T, v[: found.shape[1]].T @ v[: found.shape[1]])


def test_labels_that_keep_the_same_company_have_near_vectors() -> None:
    y = torch.tensor([[1, 0, 1, 0], [0, 1, 1, 0], [1, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1]])
    near = label_vectors(y, dimensions=4) @ label_vectors(y, dimensions=4).T
    torch.testing.assert_close(near.diagonal(), torch.ones(4).double())
    assert near[0, 2] > 0.3
    assert near[0, 3].abs() < 1e-3


@pytest.mark.ci  # learned by steps with every strength, twice
def test_a_label_that_no_training_image_has_is_ranked_by_its_vector() -> None:
    """The labels' vectors say where each lies among the features' directions, also of the last label."""
    generator = torch.Generator().manual_seed(3)
    ways = torch.nn.functional.normalize(torch.randn(9, 3, generator=generator, dtype=torch.float64))
    ways[-1] = torch.nn.functional.normalize(ways[0] + ways[1], dim=0)  # between two that are seen
    x = torch.randn(200, 3, generator=generator, dtype=torch.float64)
    truth = (x @ ways.T > 0.8).long()
    seen = truth.clone()
    seen[:, -1] = 0
    (_, layer), (_, blind) = (list(devise(x, seen, 0, vectors=v))[-1] for v in (ways, None))
    new = torch.randn(300, 3, generator=generator, dtype=torch.float64)
    answers = (new @ ways.T > 0.8).to(torch.int8).numpy()[:, -1:]
    found, other = (
        mean_average_precision(logits_of(each, new)[:, -1:].numpy(), answers) for each in (layer, blind)
    )
    assert found > 0.9 > 2 * answers.mean()
    assert other < found - 0.3
