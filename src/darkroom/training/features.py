"""The features of images by a frozen backbone: computed once, and kept by all that they depend on."""

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from darkroom import stopping
from darkroom.data.splits import Split
from darkroom.files import sha256_file, write_array, write_json
from darkroom.models.backbones import BACKBONES
from darkroom.models.backbones.net import BackboneNet
from darkroom.models.classifier import Classifier
from darkroom.models.inference import pixels_of, prediction_batch, to_device
from darkroom.models.memory import keep_freed_memory
from darkroom.training.validation import autocast

CHUNK = 512  # images whose features are one file: what a stopped run repeats at most


@dataclass(frozen=True)
class Part:
    """Images whose features are wanted.

    Attributes:
        name: of their split, for people.
        split: images and labels.
        sha256: of the split that they are the first of (`split_sha256`).
        mirrored: whether each image is mirrored.
    """

    name: str
    split: Split
    sha256: str
    mirrored: bool = False


def features_of(
    part: Part,
    classifier: Classifier,
    config: Mapping[str, Any],
    *,
    folder: Path,
    device: torch.device,
    precision: torch.dtype,
) -> NDArray[np.float32]:
    """Return the features float32 [N,F] of the images of `part`, from `folder` or computed and kept there.

    They are kept in files of `CHUNK` images, so that a run that was stopped goes on. Raises Stopped on a
    signal, with how far it came.

    Args:
        part: the images.
        classifier: its net is a `BackboneNet` with the backbone's weights.
        config: as `model_config` returns, of this classifier.
        folder: of all features.
        device: to compute them on.
        precision: the dtype of convolutions and matrix products.
    """
    depends = dependencies(part, config, device=device, precision=precision)
    key = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:16]
    place, count, done = folder / key, len(part.split), 0
    write_json(place / "of.json", depends)
    classifier.to(device).eval()
    if device.type == "cpu":
        keep_freed_memory()
    title = f"features of the {part.name} images{', mirrored' if part.mirrored else ''}"
    chunks = []
    try:
        with tqdm(total=count, desc=title, unit="images", disable=None) as bar:
            for start in range(0, count, CHUNK):
                kept, end = place / f"{start}.npy", min(start + CHUNK, count)
                if kept.is_file():
                    bar.update(end - start)
                else:
                    images = Split(part.split.images[start:end], part.split.labels[start:end])
                    write_array(kept, _compute(images, classifier, part.mirrored, device, precision, bar))
                chunks.append(np.load(kept, allow_pickle=False))
                done = end
    except stopping.Stopped as stopped:
        raise stopping.Stopped(stopped.signal, f"after {done:,} of {count:,} {title}") from None
    return np.concatenate(chunks)


def dependencies(
    part: Part, config: Mapping[str, Any], *, device: torch.device, precision: torch.dtype
) -> dict[str, Any]:
    """Return everything that the features of `part` depend on: with any other value they are others."""
    backbone = config["backbone"]["name"]
    kinds: dict[str, Callable[..., Any]] = {
        "classifier": Classifier,
        "net": BackboneNet,
        "trunk": BACKBONES[backbone].build,
    }
    return {
        "images": part.sha256,
        "count": len(part.split),
        "shape": list(part.split.images.shape[1:]),
        "mirrored": part.mirrored,
        "backbone": backbone,
        "weights": config["backbone"]["weights_sha256"],
        "mean": config["mean"],
        "std": config["std"],
        "device": device.type,
        "precision": str(precision),
        "code": {name: sha256_file(Path(inspect.getfile(kind))) for name, kind in kinds.items()},
        "torch": str(torch.__version__),
    }


@torch.inference_mode()
def _compute(
    split: Split,
    classifier: Classifier,
    mirrored: bool,
    device: torch.device,
    precision: torch.dtype,
    bar: "tqdm[Any]",
) -> NDArray[np.float32]:
    net = classifier.net
    assert isinstance(net, BackboneNet)
    batch = prediction_batch(device, pixels=pixels_of(split))
    computed: list[Tensor] = []
    for start in range(0, len(split), batch):
        x = classifier.standardise(to_device(split.images[start : start + batch], device))
        with autocast(device, precision):
            features = net.features(x.flip(3) if mirrored else x)
        computed.append(features.float().cpu())
        bar.update(len(x))
    return torch.cat(computed).numpy()
