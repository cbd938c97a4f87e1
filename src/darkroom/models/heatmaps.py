"""Heat maps: which places of an image contribute to each class, computed in the same pass as the prediction.

A class activation map (Zhou et al. 2016, arXiv:1512.04150) divides a logit among the places of the last
feature maps. It was designed for nets that average over the places. `FastNet` takes the largest value of each
channel instead, so a channel's part of the logit comes from the place of that value alone.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.models.classifier import Classifier
from darkroom.models.networks.classic import ClassicNet
from darkroom.models.networks.fast import FastNet

GRID = 8  # rows and columns of a heat map, whatever the image's size
# Places this close to a channel's maximum, as a share of it, share its part of the logit. Otherwise rounding
# would decide between two equal places, and every runtime would give another map.
NEAR = 0.02


class ClassifierWithHeatMaps(nn.Module):
    """A classifier that returns heat maps with its probabilities.

    It uses the weights of the last layer and the temperature as they are when it is constructed.
    """

    evidence: Tensor
    rows: Tensor
    columns: Tensor
    mirrored_columns: Tensor

    def __init__(self, classifier: Classifier, centres: tuple[list[float], list[float]], size: Sequence[int]):
        """Wrap a classifier for images of `size`, height and width in pixels.

        `centres` are the centres of the rows and of the columns of its last feature maps, in pixels.
        """
        super().__init__()
        self.classifier = classifier
        net = classifier.net
        self.takes_maximum = isinstance(net, FastNet)
        if isinstance(net, FastNet):
            weight = net.head.weight.detach() / net.head.in_features
        else:
            weight = net.get_parameter("fc.1.weight").detach()
        # The softmax depends only on differences between classes, so the mean over the classes is subtracted.
        weight = (weight - weight.mean(0)) / classifier.temperature
        self.register_buffer("evidence", weight[:, :, None, None].float())
        (height, width), (rows, columns) = size, centres
        self.register_buffer("rows", _resampling(rows, height))
        self.register_buffer("columns", _resampling(columns, width))
        self.register_buffer("mirrored_columns", _resampling([width - place for place in columns], width))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images uint8 [B,H,W,C] to probabilities [B,classes] and heat maps [B,classes,GRID,GRID], float32.

        A heat map covers the whole image evenly. Its values are parts of the class's logit, divided by the
        temperature and less the mean of all classes: above 0 they are evidence for the class, below 0 against
        it. They are of the image and of its mirrored view; shifted views are left out.
        """
        maps: list[Tensor] = []
        last = self.classifier.net.get_submodule("blocks" if self.takes_maximum else "layer4")
        hook = last.register_forward_hook(lambda _, __, output: maps.append(output))
        try:
            probabilities = self.classifier(images)
        finally:
            hook.remove()
        views = maps[0].reshape(self.classifier.views, -1, *maps[0].shape[1:])
        heat = self.rows @ self.by_place(views[0]) @ self.columns.T
        if self.classifier.views > 1:  # the second view is the mirrored image
            heat = (heat + self.rows @ self.by_place(views[1]) @ self.mirrored_columns.T) / 2
        return probabilities, heat

    def by_place(self, maps: Tensor) -> Tensor:
        """Feature maps [B,C,h,w] to the evidence for each class by place, float32 [B,classes,h,w].

        Summed over the places it is the class's logit without a bias, less the mean of all classes, divided
        by the temperature.
        """
        maps = maps.float()
        if self.takes_maximum:
            peak = maps.amax((2, 3), keepdim=True)
            part = F.relu(1 - (peak - maps) / (NEAR * peak.abs() + 1e-6))
            votes = peak * part / part.sum((2, 3), keepdim=True)
        else:
            votes = maps / (maps.shape[2] * maps.shape[3])
        return F.conv2d(votes, self.evidence)


def with_heat_maps(classifier: Classifier, *, height: int, width: int) -> ClassifierWithHeatMaps | None:
    """Return `classifier` with heat maps for images of this size in pixels; None where it has none.

    The fully connected layers of the classic net mix all places, and the last feature map of a small image
    has one place only.
    """
    net = classifier.net
    if isinstance(net, ClassicNet):
        return None
    centres = (
        _fast_centres(net, height, width) if isinstance(net, FastNet) else _resnet_centres(height, width)
    )
    if len(centres[0]) * len(centres[1]) == 1:
        return None
    return ClassifierWithHeatMaps(classifier, centres, (height, width))


def _fast_centres(net: FastNet, height: int, width: int) -> tuple[list[float], list[float]]:
    """Return the centres of the rows and columns of the last maps, in pixels from the upper left corner."""
    height, width = height - 1, width - 1  # the stem's kernel is two pixels wide, and nothing is padded
    first, stride = 1.0, 1
    for _ in net.blocks:
        if min(height, width) >= 2:  # else a block does not pool
            height, width, first, stride = height // 2, width // 2, first + stride / 2, 2 * stride
    rows, columns = ([first + stride * i for i in range(size)] for size in (height, width))
    return rows, columns


def _resnet_centres(height: int, width: int) -> tuple[list[float], list[float]]:
    """Return the same for ResNet-18, whose three convolutions of stride 2 have padded kernels of 3."""
    rows, columns = ([0.5 + 8 * i for i in range(-(-size // 8))] for size in (height, width))
    return rows, columns


def _resampling(centres: Sequence[float], length: int) -> Tensor:
    """Return the matrix float32 [GRID,n] that resamples values at n `centres` to a grid over 0 to `length`.

    It interpolates linearly between two centres; beyond the outermost the value is constant.
    """
    places = torch.tensor(centres, dtype=torch.float64)
    spots = (torch.arange(GRID, dtype=torch.float64) + 0.5) * length / GRID
    spots = spots.clamp(places.min(), places.max())
    spacing = float((places[1] - places[0]).abs()) if len(places) > 1 else 1.0
    weights = F.relu(1 - (spots[:, None] - places).abs() / max(spacing, length / GRID))
    return (weights / weights.sum(1, keepdim=True)).float()
