"""What the tests of models share: small classifiers, random images, exported graphs."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from darkroom.data.splits import Split
from darkroom.models.classifier import Classifier, build_classifier
from darkroom.models.heatmaps import ClassifierWithHeatMaps, with_heat_maps


def classifier_of(
    architecture: str,
    shape: tuple[int, int, int] = (8, 8, 1),
    *,
    views: int = 1,
    dropout: float = 0.3,
    convolutions: int = 2,
) -> Classifier:
    """Return a small classifier with random weights, in evaluation mode."""
    torch.manual_seed(0)
    height, width, channels = shape
    config = {
        "architecture": architecture,
        "height": height,
        "width": width,
        "channels": channels,
        "classes": ["a", "b", "c", "d", "e"],
        "widths": [6, 10, 12],
        "dropout": dropout,
        "hidden": 16,
        "convolutions": convolutions,
        "whitening": True,
        "dirac": True,
        "activation": "gelu",
        "mean": [0.4, 0.5, 0.6][:channels],
        "std": [0.2, 0.25, 0.3][:channels],
        "views": views,
    }
    classifier = build_classifier(config)
    for norm in classifier.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean = torch.randn(norm.num_features) / 10
            nn.init.normal_(norm.bias, std=0.3)
    return classifier.eval()


def random_images(count: int, shape: tuple[int, int, int]) -> Tensor:
    """Return random images uint8 [count,H,W,C]."""
    generator = torch.Generator().manual_seed(2)
    return torch.randint(0, 256, (count, *shape), generator=generator).to(torch.uint8)


@dataclass(frozen=True)
class Exported:
    """A classifier and the graph that was exported from it."""

    classifier: Classifier
    graph: Path
    shape: tuple[int, int, int]

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the graph on one batch."""
        session = onnxruntime.InferenceSession(str(self.graph), providers=["CPUExecutionProvider"])
        probabilities: NDArray[np.float32] = session.run(["probabilities"], {"images": images})[0]
        return probabilities

    def with_heat(self) -> ClassifierWithHeatMaps | None:
        """Return torch's classifier with its heat maps."""
        height, width, _ = self.shape
        return with_heat_maps(self.classifier.eval(), height=height, width=width)


def random_arrays(count: int, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return random images, the last two of them black and white."""
    out = np.random.default_rng(5).integers(0, 256, (count, *shape), dtype=np.uint8)
    if count > 2:
        out[-2], out[-1] = 0, 255
    return out


def split_of(shape: tuple[int, int, int], count: int = 70) -> Split:
    """Return random images, all of the first class."""
    return Split(random_arrays(count, shape), np.zeros(count, dtype=np.int64))
