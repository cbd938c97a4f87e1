"""The features of images by a frozen trunk on OpenVINO, which is quicker than torch on a CPU.

docs/transfer.md states the ratio that was measured. Only fp32 is computed so. The features differ from
torch's by rounding errors, which a test bounds.
"""

import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from darkroom.models.backbones.net import TrunkNet
from darkroom.models.backbones.weights import weights_sha256

PAYS_FROM = 4_000_000  # pixels of all images together: for fewer, compiling the trunk takes longer than torch
BATCH = 16  # images at a time

# Images uint8 [B,H,W,C] to features float32 [B,F], or to maps, whose axes say which they are.
Compute = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
_LAST: dict[str, Compute] = {}  # the trunk that was compiled last, by all that it depends on


class Features(nn.Module):
    """Images uint8 [B,H,W,C] to features float32 [B,F], or to maps [B,F,h,w]: standardisation and trunk."""

    mean: Tensor
    std: Tensor

    def __init__(self, net: TrunkNet, *, mean: Tensor, std: Tensor, maps: bool = False) -> None:
        super().__init__()
        self.net, self.maps = net, maps
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, images: Tensor) -> Tensor:
        """Images uint8 [B,H,W,C] to features float32 [B,F], or to maps [B,F,h,w]."""
        x = (images.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.std
        return self.net.maps(x) if self.maps else self.net.features(x)


def compiled_features(
    net: TrunkNet, *, mean: Tensor, std: Tensor, shape: Sequence[int], threads: int, maps: bool = False
) -> Compute:
    """Return a function from images to their features by the trunk of `net`, compiled for this CPU.

    With `maps` it returns the maps that the features are the means of.

    The one that was returned last is returned again where the trunk and everything else are the same.

    Args:
        net: on the CPU, in evaluation mode.
        mean: of each channel, on a scale of 0 to 1, [1,C,1,1].
        std: by which images are divided, of the same shape.
        shape: height, width and channels of the images.
        threads: of the CPU.
        maps: whether maps are wanted in place of features.
    """
    weights = weights_sha256({**net.trunk.state_dict(), "mean": mean, "std": std})
    key = f"{weights} {tuple(shape)} {net.resample} {threads} {maps}"
    if key not in _LAST:
        compute = compiled_module(Features(net, mean=mean, std=std, maps=maps).eval(), shape, threads)
        _LAST.clear()
        _LAST[key] = compute
    return _LAST[key]


def pays(images: int, shape: Sequence[int]) -> bool:
    """Return whether so many images of height, width and channels are worth compiling the trunk for.

    >>> pays(1000, (224, 224, 3)), pays(10, (224, 224, 3))
    (True, False)
    """
    return images * shape[0] * shape[1] >= PAYS_FROM


def image_views(images: NDArray[np.uint8], views: int) -> list[NDArray[np.uint8]]:
    """Return the views of images [B,H,W,C] over which a classifier with a backbone averages logits.

    That is each image as it is and, of 2 views, mirrored too.
    """
    return [images, images[:, :, ::-1]][:views]


@cache
def _core() -> Any:
    """Return a core that is never destroyed, as in `darkroom.serving.prediction.runtime`, which says why.

    That room is not imported: a change of the service must not train again.
    """
    return _openvino().Core()


def _openvino() -> Any:
    """Import OpenVINO, which takes a second that few stages need to spend."""
    # its tools, of which `convert_model` is one, send telemetry over the network if they find this package
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def compiled_module(module: nn.Module, shape: Sequence[int], threads: int) -> Compute:
    """Return a function that computes `module`, compiled for this CPU, from images uint8 [B,H,W,C].

    Args:
        module: in evaluation mode, from a tensor of such images to one float32 [B,…].
        shape: height, width and channels of the images.
        threads: of the CPU.
    """
    example = torch.zeros(2, *shape, dtype=torch.uint8)  # 2: an example of 1 fixes the batch
    with torch.no_grad():
        exported = torch.export.export(module, (example,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    graph = _openvino().convert_model(exported)
    graph.reshape([-1, *shape])
    settings: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,  # another process may pin itself to the same cores
    }
    request = _core().compile_model(graph, "CPU", settings).create_infer_request()

    def compute(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        parts = (np.ascontiguousarray(images[at : at + BATCH]) for at in range(0, len(images), BATCH))
        return np.concatenate([np.array(request.infer([part], share_inputs=True)[0]) for part in parts])

    return compute
