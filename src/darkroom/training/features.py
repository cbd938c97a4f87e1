"""The features of images by a frozen backbone: computed once, and kept by all that they depend on."""

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
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
from darkroom.models.backbones.compiled import Compute, Features, compiled_features, pays
from darkroom.models.backbones.net import TrunkNet
from darkroom.models.classifier import Classifier
from darkroom.models.inference import pixels_of, prediction_batch, to_device
from darkroom.models.memory import keep_freed_memory
from darkroom.models.resampling import Resample
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

    def title(self, what: str) -> str:
        """Return for people what of these images is computed."""
        return f"{what} of the {self.name} images{', mirrored' if self.mirrored else ''}"


@dataclass(frozen=True)
class How:
    """How features are computed.

    Attributes:
        device: on which.
        precision: the dtype of convolutions and matrix products.
        images: how many there are to compute.
        shape: their height, width and channels.
        maps: whether the maps are wanted in place of their means.
    """

    device: torch.device
    precision: torch.dtype
    images: int
    shape: tuple[int, ...]
    maps: bool = False

    @property
    def quick(self) -> bool:
        """Whether OpenVINO computes them: in fp32 on a CPU, where there are many."""
        exact = self.device.type == "cpu" and self.precision is torch.float32
        return exact and pays(self.images, self.shape)


@dataclass(frozen=True)
class OnBackbone:
    """A classifier on a backbone, and how what the backbone computes is computed and kept.

    Attributes:
        classifier: its net has a trunk with the backbone's weights.
        config: as `model_config` returns, of this classifier.
        folder: keeps features and maps.
        device: on which they are computed.
        precision: the dtype of convolutions and matrix products.
    """

    classifier: Classifier
    config: Mapping[str, Any]
    folder: Path
    device: torch.device
    precision: torch.dtype

    def how(self, part: Part, *, maps: bool = False) -> How:
        """Return how what the backbone computes of `part` is computed."""
        return How(self.device, self.precision, len(part.split), part.split.images.shape[1:], maps)


def features_of(part: Part, on: OnBackbone) -> NDArray[np.float32]:
    """Return the features float32 [N,F] of the images of `part`, kept or computed.

    They are kept in files of `CHUNK` images, so that a run that was stopped goes on. On a CPU, in fp32,
    OpenVINO computes those of many images. Raises Stopped on a signal, with how far it came.
    """
    return np.concatenate([np.load(path, allow_pickle=False) for path in kept_files(part, on, maps=False)])


def kept_files(part: Part, on: OnBackbone, *, maps: bool) -> list[Path]:
    """Return the files of `CHUNK` images each, .npy, of the features of `part`, after computing what lacks.

    With `maps` they hold float16 [n,F,h,w], else float32 [n,F]. Raises Stopped on a signal.
    """
    how, classifier = on.how(part, maps=maps), on.classifier.to(on.device).eval()
    title = part.title("maps" if maps else "features")

    def compute() -> Compute:
        return _by_openvino(classifier, part.split, how) if how.quick else _by_torch(classifier, how)

    return computed_once(part, dependencies(part, on.config, how), how, title, on.folder, compute)


def computed_once(
    part: Part,
    depends: Mapping[str, Any],
    how: How,
    title: str,
    folder: Path,
    compute: Callable[[], Compute],
) -> list[Path]:
    """Return the files of `CHUNK` images each, .npy, of what `compute()` makes of the images of `part`.

    Those that `folder` has are not computed again. `depends` is all that they depend on, `title` what they
    are, for people. With `how.maps` they hold float16, else float32. Raises Stopped on a signal.
    """
    key = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:16]
    place, count, done = folder / key, len(part.split), 0
    write_json(place / "of.json", depends)
    if how.device.type == "cpu":
        keep_freed_memory()
    paths = []
    try:
        with tqdm(total=count, desc=title, unit="images", disable=None) as bar:
            for start in range(0, count, CHUNK):
                kept, end = place / f"{start}.npy", min(start + CHUNK, count)
                if kept.is_file():
                    bar.update(end - start)
                else:
                    images = Split(part.split.images[start:end], part.split.labels[start:end])
                    write_array(kept, _compute(images, compute(), part.mirrored, how, bar))
                paths.append(kept)
                done = end
    except stopping.Stopped as stopped:
        raise stopping.Stopped(stopped.signal, f"after {done:,} of {count:,} {title}") from None
    return paths


def dependencies(part: Part, config: Mapping[str, Any], how: How) -> dict[str, Any]:
    """Return everything that the features of `part` depend on: with any other value they are others."""
    backbone = config["backbone"]["name"]
    kinds: dict[str, Callable[..., Any]] = {
        "classifier": Classifier,
        "net": TrunkNet,
        "trunk": BACKBONES[backbone].build,
        "compiled": Features,
    }
    if "seen_at" in config:
        kinds["resample"] = Resample
    return {
        "images": part.sha256,
        "count": len(part.split),
        "shape": list(part.split.images.shape[1:]),
        "mirrored": part.mirrored,
        "backbone": backbone,
        "weights": config["backbone"]["weights_sha256"],
        "mean": config["mean"],
        "std": config["std"],
        "device": how.device.type,
        "precision": str(how.precision),
        "code": {name: sha256_file(Path(inspect.getfile(kind))) for name, kind in kinds.items()},
        "engine": f"openvino {version('openvino')}" if how.quick else f"torch {torch.__version__}",
        **({"maps": "float16"} if how.maps else {}),
        **({"seen_at": list(config["seen_at"])} if "seen_at" in config else {}),
    }


def _compute(
    split: Split, compute: Compute, mirrored: bool, how: How, bar: "tqdm[Any]"
) -> NDArray[np.floating]:
    batch = prediction_batch(how.device, pixels=pixels_of(split))
    computed: list[NDArray[np.floating]] = []
    dtype = np.float16 if how.maps else np.float32  # of maps a half of the disk's space
    for start in range(0, len(split), batch):
        images = split.images[start : start + batch]
        computed.append(compute(images[:, :, ::-1] if mirrored else images).astype(dtype, copy=False))
        bar.update(len(images))
    return np.concatenate(computed)


def _by_openvino(classifier: Classifier, split: Split, how: How) -> Compute:
    net, shape = classifier.net, split.images.shape[1:]
    assert isinstance(net, TrunkNet)
    how_compiled: dict[str, Any] = {"mean": classifier.mean, "std": classifier.std, "maps": how.maps}
    return compiled_features(net, **how_compiled, shape=shape, threads=torch.get_num_threads())


def _by_torch(classifier: Classifier, how: How) -> Compute:
    net = classifier.net
    assert isinstance(net, TrunkNet)

    @torch.inference_mode()
    def compute(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        x = classifier.standardise(to_device(images, how.device))
        with autocast(how.device, how.precision):
            features: Tensor = net.maps(x) if how.maps else net.features(x)
        computed: NDArray[np.float32] = features.float().cpu().numpy()
        return computed

    return compute
