"""Kernel CCA: with a landmark at each image it is CCA on scikit-learn's kernel; it sees what no line does."""

import torch
from sklearn.kernel_approximation import Nystroem

from darkroom.evaluation.multilabel.average_precision import mean_average_precision
from darkroom.training.feature_heads.kernel_cca import kernel_cca, median_square
from darkroom.training.head import logits_of
from darkroom.training.label_heads.cca import cca


def rings(count: int, *, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return points float64 [N,2], and whether each is in the ring, and not, int8 [N,2]."""
    x = torch.randn(count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    inside = (x.norm(dim=1) < 1).to(torch.int8)
    return x, torch.stack([inside, 1 - inside], dim=1)


def test_the_head_is_cca_on_the_kernels_features() -> None:
    x, y = rings(60, seed=0)
    gamma = 1 / median_square(x, seed=0)
    lifted = torch.from_numpy(Nystroem(gamma=gamma, n_components=60, random_state=0).fit_transform(x.numpy()))
    lifted = lifted - lifted.mean(0)
    lifted = lifted / lifted.square().mean().sqrt()
    for (ridge, head), (same, layer) in zip(kernel_cca(x, y, 0), cca(lifted, y, 0), strict=True):
        assert ridge == same
        torch.testing.assert_close(head(x.float()).double(), logits_of(layer, lifted), atol=1e-3, rtol=1e-3)


def test_a_ring_is_found_that_no_linear_layer_finds() -> None:
    x, y = rings(200, seed=0)
    new, truth = rings(200, seed=1)
    _, head = list(kernel_cca(x, y, 0))[-1]
    _, layer = list(cca(x - x.mean(0), y, 0))[-1]
    assert mean_average_precision(head(new.float()).numpy(), truth.numpy()) > 0.9
    assert mean_average_precision(logits_of(layer, new).numpy(), truth.numpy()) < 0.75
