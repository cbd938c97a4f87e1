"""The logits of an ensemble on OpenVINO, which is quicker than torch on a CPU."""

from collections.abc import Sequence

from torch import Tensor, nn

from darkroom.models.backbones.compiled import Compute, compiled_module
from darkroom.models.backbones.weights import weights_sha256
from darkroom.models.classifier import Classifier

_LAST: dict[str, Compute] = {}  # the ensemble that was compiled last, by all that it depends on


class Logits(nn.Module):
    """Images uint8 [B,H,W,C] to the logits of a classifier, averaged over its views."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, images: Tensor) -> Tensor:
        """Images uint8 [B,H,W,C] to logits float32 [B,classes]."""
        return self.classifier.logits(images).float()


def compiled_logits(classifier: Classifier, *, shape: Sequence[int], threads: int) -> Compute:
    """Return a function from images uint8 [B,H,W,C] to logits float32 [B,classes], compiled for this CPU.

    The one that was returned last is returned again where everything is the same.

    Args:
        classifier: on the CPU, in evaluation mode.
        shape: height, width and channels of the images.
        threads: of the CPU.
    """
    # the text of a net states how it resizes images and weighs its members, which is in no weight
    weights = weights_sha256(classifier.state_dict())
    key = f"{weights} {classifier.net} {classifier.views} {tuple(shape)} {threads}"
    if key not in _LAST:
        compute = compiled_module(Logits(classifier).eval(), shape, threads)
        _LAST.clear()
        _LAST[key] = compute
    return _LAST[key]
