"""The maps of images at the entrance of the first part of a backbone that is trained: computed once and kept.

The parts before it stay as they are, so that training does not run them again for each epoch.
"""

import inspect
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

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
from darkroom.training.features import How, Part, computed_once, dependencies
from darkroom.training.validation import autocast

HALF = np.float16  # in which maps are kept: its rounding, 0.05 %, is far below what training images differ by


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


def maps_of(
    parts: list[Part],
    classifier: Classifier,
    config: Mapping[str, Any],
    *,
    first: int,
    folder: Path,
    device: torch.device,
    precision: torch.dtype,
) -> Split:
    """Return the maps float16 [N,h,w,F] of all images of `parts`, one part after the other, as a split.

    The arguments are those of `darkroom.training.features.features_of`, and `first`, the number of the part
    of the trunk at whose entrance the maps are. An image of 224 pixels has 44 kB of maps at the entrance of
    `last`. They are in memory. Raises Stopped on a signal.
    """
    found = [
        chunk for part in parts for chunk in _maps(part, classifier, config, first, folder, device, precision)
    ]
    labels = np.concatenate([part.split.labels for part in parts])
    return Split(np.concatenate(found), labels)


def _maps(
    part: Part,
    classifier: Classifier,
    config: Mapping[str, Any],
    first: int,
    folder: Path,
    device: torch.device,
    precision: torch.dtype,
) -> list[NDArray[np.float32]]:
    how = How(device, precision, len(part.split), part.split.images.shape[1:])
    module = EarlyParts(classifier, first).to(device).eval()
    title = f"maps of the {part.name} images{', mirrored' if part.mirrored else ''}"
    depends = dependencies(part, config, how)
    code = {**depends["code"], "maps": sha256_file(Path(inspect.getfile(EarlyParts)))}

    @cache
    def compute() -> Compute:
        exact = (
            compiled_module(module, how.shape, torch.get_num_threads()) if how.quick else _torch(module, how)
        )
        # kept as they are used, so that a run that goes on has the same
        return lambda images: exact(images).astype(HALF)

    return computed_once(part, {**depends, "code": code, "first": first}, how, title, folder, compute)


def _torch(module: EarlyParts, how: How) -> Compute:
    @torch.inference_mode()
    def compute(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        with autocast(how.device, how.precision):
            maps: Tensor = module(to_device(images, how.device))
        computed: NDArray[np.float32] = maps.float().cpu().numpy()
        return computed

    return compute
