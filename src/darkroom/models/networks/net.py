"""What a network offers besides its forward pass, to training and to the export."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class LastMaps:
    """The last feature maps of a net, from which heat maps are computed.

    Attributes:
        layer: name of the submodule that returns them, float [B,C,h,w].
        weight: what each channel of the pooled maps adds to each logit, [classes,C].
        takes_maximum: a channel is pooled to its largest value; otherwise to its mean.
        rows: centres of the rows of the maps, in pixels of the image from its upper edge.
        columns: centres of their columns, in pixels from its left edge.
    """

    layer: str
    weight: Tensor
    takes_maximum: bool
    rows: list[float]
    columns: list[float]


class Net(nn.Module):
    """A network: standardised images float [B,C,H,W] to logits [B,classes].

    A new one must say what its last layer is, or how many logits it has and where its embedding is. The rest
    has defaults that suit most networks.

    Attributes:
        prepared_from: how many of the first training images `prepare` is given (of images larger than
            64 by 64 pixels fewer); 0 leaves it out.
    """

    prepared_from: int = 0

    def last_layer(self) -> nn.Linear:
        """Return the linear layer that computes the logits; its input [B,F] is the image's embedding."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its last layer is")

    def outputs(self) -> int:
        """Return how many logits an image has."""
        return self.last_layer().out_features

    def embedding_layer(self) -> nn.Module:
        """Return the layer whose input [B,F] is the image's embedding."""
        return self.last_layer()

    def prepare(self, images: Tensor) -> None:
        """Set the weights that are computed from standardised training images, before the first step."""

    def first_layers(self) -> Sequence[nn.Module]:
        """Return the layers that stop learning after the share `train.first_block_until` of the training."""
        return ()

    def rate_shares(self) -> Mapping[str, float]:
        """Return the share of the peak learning rate with which weights learn, by name; all others have 1."""
        return {}

    def last_maps(self, height: int, width: int) -> LastMaps | None:
        """Describe the last feature maps for images of this size in pixels; None: there are no heat maps."""
        return None
