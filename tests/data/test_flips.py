"""The images that are mirrored in an epoch."""

import torch
from torch import Tensor

from darkroom.data import flips


def test_the_images_that_are_mirrored_by_epoch() -> None:
    def mirrored(epoch: int, flip: str, seed: int = 0) -> Tensor:
        return flips.mirrored(1000, epoch, seed=seed, flip=flip)

    assert not mirrored(0, "none").any()
    for flip in ("random", "alternating"):
        assert 400 < mirrored(0, flip).sum() < 600
        assert not torch.equal(mirrored(0, flip), mirrored(0, flip, seed=1))
    assert torch.equal(mirrored(1, "alternating"), ~mirrored(0, "alternating"))
    assert torch.equal(mirrored(2, "alternating"), mirrored(0, "alternating"))
    agreement = (mirrored(1, "random") == mirrored(0, "random")).float().mean()
    assert 0.4 < agreement < 0.6, "by chance again"
