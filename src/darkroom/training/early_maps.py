"""The maps of images at the entrance of the first part of a backbone that is trained: computed once and kept.

The parts before it stay as they are, so that training does not run them again for each epoch.
"""

import inspect
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from darkroom.data.splits import Split
from darkroom.files import sha256_file
from darkroom.models.backbones.compiled import Compute, compiled_module
from darkroom.models.backbones.net import BackboneNet
from darkroom.models.classifier import Classifier
from darkroom.models.inference import to_device
from darkroom.training.features import How, OnBackbone, Part, computed_once, dependencies
from darkroom.training.validation import autocast


class EarlyParts(nn.Module):
    """Images uint8 [B,H,W,C] to maps float32 [B,h,w,F]: standardisation and the parts before `first`."""

    mean: Tensor
    std: Tensor

    def __init__(self, classifier: Classifier, first: int) -> None:
        super().__init__()
        net = classifier.net
        assert isinstance(net, BackboneNet)
        self.parts = nn.Sequential(*net.trunk.parts()[:first])
        self.register_buffer("mean", classifier.mean)
        self.register_buffer("std", classifier.std)

    def forward(self, images: Tensor) -> Tensor:
        """Images uint8 [B,H,W,C], C 1 or 3, to maps float32 [B,h,w,F]."""
        x = (images.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.std
        if x.shape[1] == 1:
            x = x.expand(-1, 3, -1, -1)
        maps: Tensor = self.parts(x)
        return maps.permute(0, 2, 3, 1)


def maps_of(parts: list[Part], on: OnBackbone, *, first: int) -> Split:
    """Return the maps float16 [N,h,w,F] of all images of `parts`, one part after the other, as a split.

    They are those at the entrance of the part of the trunk with number `first`. An image of 224 pixels has
    44 kB of maps at the entrance of `last`. They are in memory. Raises Stopped on a signal.
    """
    found = [np.load(path, allow_pickle=False) for part in parts for path in _kept(part, on, first)]
    labels = np.concatenate([part.split.labels for part in parts])
    return Split(np.concatenate(found), labels)  # of maps, which are no bytes


def _kept(part: Part, on: OnBackbone, first: int) -> list[Path]:
    # kept in half precision: its rounding, 0.05 %, is far below what training images differ by
    how = on.how(part, maps=True)
    module = EarlyParts(on.classifier, first).to(on.device).eval()
    depends = dependencies(part, on.config, how)
    code = {**depends["code"], "maps": sha256_file(Path(inspect.getfile(EarlyParts)))}

    @cache
    def compute() -> Compute:
        if how.quick:
            return compiled_module(module, how.shape, torch.get_num_threads())
        return _torch(module, how)

    return computed_once(
        part, {**depends, "code": code, "first": first}, how, part.title("maps"), on.folder, compute
    )


def _torch(module: EarlyParts, how: How) -> Compute:
    @torch.inference_mode()
    def compute(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        with autocast(how.device, how.precision):
            maps: Tensor = module(to_device(images, how.device))
        computed: NDArray[np.float32] = maps.float().cpu().numpy()
        return computed

    return compute
