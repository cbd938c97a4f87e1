"""What a net makes of an image before its last layer: the last output of the exported graph."""

from typing import Any

from torch import Tensor, nn

from darkroom.models.classifier import Classifier
from darkroom.models.heatmaps import Explained
from darkroom.models.networks.classic import ClassicNet
from darkroom.models.networks.fast import FastNet


class Embedded(nn.Module):
    """A classifier, perhaps with heat maps, whose answer brings the embedding of each image."""

    def __init__(self, inner: Classifier | Explained) -> None:
        """Take what answers so far."""
        super().__init__()
        self.inner = inner
        classifier = inner if isinstance(inner, Classifier) else inner.classifier
        self.views, net = classifier.views, classifier.net
        self.head = net.get_submodule("head" if isinstance(net, FastNet | ClassicNet) else "fc.1")

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """uint8 [B,H,W,C] to what `inner` answers, and the embedding float32 [B,D].

        The embedding is what the last layer is given for the image as it is: the first of the views, which
        lie one behind the other.
        """
        given: list[Tensor] = []

        def keep(_: nn.Module, inputs: Any) -> None:
            given.append(inputs[0])

        hook = self.head.register_forward_pre_hook(keep)
        try:
            answer = self.inner(images)
        finally:
            hook.remove()
        embedding = given[0].reshape(self.views, -1, given[0].shape[1])[0]
        return *(answer if isinstance(answer, tuple) else (answer,)), embedding.float()
