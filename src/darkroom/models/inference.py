"""Inference: the predictions of a classifier over a whole split."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from darkroom.data.splits import Split
from darkroom.models.backbones.compiled import Compute, compiled_features, image_views, pays
from darkroom.models.backbones.net import BackboneNet, TrunkNet
from darkroom.models.classifier import Classifier
from darkroom.models.compiled_ensemble import compiled_logits
from darkroom.models.ensemble import EnsembleNet
from darkroom.models.heads.net import MapsNet
from darkroom.models.memory import keep_freed_memory

# Images that a net predicts at once. The activations of 128 stay in a CPU's caches: on 2 cores an image took
# 0.7 of the time that it took in batches of 500.
CPU_BATCH, GPU_BATCH = 128, 1024
FULL_BATCH_PIXELS = 64 * 64  # of an image; of larger ones fewer are predicted at once, or memory runs out


def to_device(images: NDArray[np.uint8], device: torch.device) -> Tensor:
    """Copy images uint8 [B,H,W,C] out of a (memory-mapped) array to `device`."""
    return torch.from_numpy(np.array(images)).to(device)


def predict(
    classifier: Classifier,
    split: Split,
    *,
    device: torch.device,
    progress: bool = True,
    by_torch: bool = False,
) -> NDArray[np.float32]:
    """Return the probabilities float32 [N,classes] of a split, computed in fp32, with all views.

    On a CPU OpenVINO computes those of many images by a frozen backbone or an ensemble, unless `by_torch` is
    set.
    """
    if not by_torch and _is_quick(classifier, split, device):
        return probabilities_of(classifier, _run_compiled(classifier, split, progress=progress))
    return _run(classifier, classifier, split, device=device, progress=progress)


def predict_logits(
    classifier: Classifier, split: Split, *, device: torch.device, progress: bool = True
) -> NDArray[np.float32]:
    """Return the logits float32 [N,classes] of a split, computed in fp32, averaged over all views.

    They are not divided by the temperature. What is computed by OpenVINO is as in `predict`.
    """
    if _is_quick(classifier, split, device):
        return _run_compiled(classifier, split, progress=progress)
    return _run(classifier, classifier.logits, split, device=device, progress=progress)


@torch.inference_mode()
def probabilities_of(classifier: Classifier, logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities float32 [N,classes] of logits [N,classes], as the exported graph has them."""
    return np.asarray(classifier.to("cpu").probabilities(torch.from_numpy(logits)).numpy())


def accuracy(classifier: Classifier, split: Split, *, device: torch.device) -> float:
    """Return the share of a split's images that are predicted correctly with all views, in fp32."""
    probabilities = predict(classifier, split, device=device)
    return float(np.mean(probabilities.argmax(1) == split.labels))


def prediction_batch(device: torch.device, *, pixels: int, views: int = 1) -> int:
    """Return how many images of so many pixels, each with so many views, are predicted at once on `device`.

    >>> prediction_batch(torch.device("cpu"), pixels=32 * 32, views=6)
    21
    >>> prediction_batch(torch.device("cpu"), pixels=512 * 512)
    2
    """
    return max(1, at_once(CPU_BATCH if device.type == "cpu" else GPU_BATCH, pixels=pixels) // views)


def at_once(count: int, *, pixels: int) -> int:
    """Return how many images of so many pixels take the memory of `count` small ones, at least 1.

    >>> at_once(100, pixels=32 * 32), at_once(100, pixels=128 * 128)
    (100, 25)
    """
    return max(1, count * FULL_BATCH_PIXELS // max(pixels, FULL_BATCH_PIXELS))


def pixels_of(split: Split) -> int:
    """Return how many pixels an image of a split has: height times width."""
    return int(split.images.shape[1] * split.images.shape[2])


@torch.inference_mode()
def _run(
    classifier: Classifier,
    compute: Callable[[Tensor], Tensor],
    split: Split,
    *,
    device: torch.device,
    progress: bool,
) -> NDArray[np.float32]:
    classifier.to(device).eval()
    if device.type == "cpu":
        keep_freed_memory()
    parts = []
    batch = prediction_batch(device, pixels=pixels_of(split), views=classifier.views)
    with tqdm(total=len(split), desc="predict", unit="images", disable=None if progress else True) as bar:
        for start in range(0, len(split), batch):
            images = to_device(split.images[start : start + batch], device)
            parts.append(compute(images).float().cpu().numpy())
            bar.update(len(images))
    return np.concatenate(parts)


def _is_quick(classifier: Classifier, split: Split, device: torch.device) -> bool:
    if device.type != "cpu" or not isinstance(classifier.net, TrunkNet | EnsembleNet) or classifier.views > 2:
        return False
    if classifier.one_view is not None:
        return False  # OpenVINO computes all views here
    return pays(len(split) * classifier.views, split.images.shape[1:])


@torch.inference_mode()
def _run_compiled(classifier: Classifier, split: Split, *, progress: bool) -> NDArray[np.float32]:
    """Return the logits float32 [N,classes] of a split, averaged over the views.

    Of a linear layer those are the logits of an image's mean features over its views.
    """
    net = classifier.to("cpu").eval().net
    how: dict[str, Any] = {"shape": split.images.shape[1:], "threads": torch.get_num_threads()}
    if isinstance(net, EnsembleNet):
        return _batches(compiled_logits(classifier, **how), classifier, split, progress=progress)
    assert isinstance(net, BackboneNet | MapsNet)
    how |= {"mean": classifier.mean, "std": classifier.std, "maps": isinstance(net, MapsNet)}
    features = compiled_features(net, **how)

    def compute(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        views = [features(view) for view in image_views(images, classifier.views)]
        if isinstance(net, MapsNet):
            logits = [net.of_maps(torch.from_numpy(view)) for view in views]
            return np.asarray(torch.stack(logits).mean(0).numpy())
        return np.asarray(net.head(torch.from_numpy(np.mean(views, axis=0))).numpy())

    return _batches(compute, classifier, split, progress=progress)


def _batches(
    compute: Compute, classifier: Classifier, split: Split, *, progress: bool
) -> NDArray[np.float32]:
    """Return what `compute` makes of a split on a CPU, [N,classes], batch by batch."""
    parts = []
    batch = prediction_batch(torch.device("cpu"), pixels=pixels_of(split), views=classifier.views)
    with tqdm(total=len(split), desc="predict", unit="images", disable=None if progress else True) as bar:
        for start in range(0, len(split), batch):
            images = np.asarray(split.images[start : start + batch])
            parts.append(compute(images))
            bar.update(len(images))
    return np.concatenate(parts)
