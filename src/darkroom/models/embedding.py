"""The embedding of an image, the input of a net's last layer: the last output of the exported graph."""

from typing import Any

from torch import Tensor, nn

from darkroom.models.classifier import Classifier
from darkroom.models.heatmaps import ClassifierWithHeatMaps


class ClassifierWithEmbedding(nn.Module):
    """A classifier, with or without heat maps, that returns the embedding of each image too."""

    def __init__(self, inner: Classifier | ClassifierWithHeatMaps) -> None:
        super().__init__()
        self.inner = inner
        classifier = inner if isinstance(inner, Classifier) else inner.classifier
        self.views, self.head = classifier.views, classifier.net.embedding_layer()

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images uint8 [B,H,W,C] to the outputs of `inner`, and the embedding float32 [B,features].

        The embedding is the input of the last layer for the image as it is: the first of the views, which the
        batch holds one after another.
        """
        inputs_of_head: list[Tensor] = []

        def keep(_: nn.Module, inputs: Any) -> None:
            inputs_of_head.append(inputs[0])

        hook = self.head.register_forward_pre_hook(keep)
        try:
            outputs = self.inner(images)
        finally:
            hook.remove()
        every_view = inputs_of_head[0]
        embedding = every_view.reshape(self.views, -1, every_view.shape[1])[0]
        return *(outputs if isinstance(outputs, tuple) else (outputs,)), embedding.float()
