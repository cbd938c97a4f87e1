"""Where in an image a net found what speaks for each class: computed with the answer, in the same pass.

A class activation map (Zhou et al. 2016, arXiv:1512.04150) shares a logit out over the places of the
last feature maps. It was made for nets that average over the places. `FastNet` takes the largest value
of each channel instead, so a channel's part in the logit comes from the place of that value alone.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.models.classifier import Classifier
from darkroom.models.networks.classic import ClassicNet
from darkroom.models.networks.fast import FastNet

GRID = 8  # rows and columns of a heat map, whatever the image's size
# Places this close to a channel's maximum, as a share of it, have a part in it. Without that, a rounding
# would decide between two equal places, and every runtime would draw another map.
NEAR = 0.02


class Explained(nn.Module):
    """A classifier whose answer brings its heat maps.

    The weights and the temperature are those at the time it is made.
    """

    evidence: Tensor
    rows: Tensor
    columns: Tensor
    mirrored_columns: Tensor

    def __init__(self, classifier: Classifier, centres: tuple[list[float], list[float]], size: Sequence[int]):
        """Take a classifier and where the rows and columns of its last maps lie, in pixels of `size`."""
        super().__init__()
        self.classifier = classifier
        net = classifier.net
        self.takes_maximum = isinstance(net, FastNet)
        if isinstance(net, FastNet):
            weight = net.head.weight.detach() / net.head.in_features
        else:
            weight = net.get_parameter("fc.1.weight").detach()
        # Of the softmax only differences between classes count: a class's evidence is beyond their mean.
        weight = (weight - weight.mean(0)) / classifier.temperature
        self.register_buffer("evidence", weight[:, :, None, None].float())
        (height, width), (rows, columns) = size, centres
        self.register_buffer("rows", _resampling(rows, height))
        self.register_buffer("columns", _resampling(columns, width))
        self.register_buffer("mirrored_columns", _resampling([width - place for place in columns], width))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 [B,H,W,C] to probabilities float32 [B,classes] and heat maps float32 [B,classes,GRID,GRID].

        A heat map lies evenly over the whole image. Its numbers are parts of the class's logit, over
        the temperature and beyond the mean of all classes: above 0 they speak for the class, below 0
        against it. They are of the image and its mirror image, and leave shifted views out.
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
        """Feature maps [B,C,h,w] to each class's evidence by place, float32 [B,classes,h,w].

        Added up over the places it is the class's logit, without a bias, beyond the mean of all classes
        and over the temperature.
        """
        maps = maps.float()
        if self.takes_maximum:
            peak = maps.amax((2, 3), keepdim=True)
            part = F.relu(1 - (peak - maps) / (NEAR * peak.abs() + 1e-6))
            votes = peak * part / part.sum((2, 3), keepdim=True)
        else:
            votes = maps / (maps.shape[2] * maps.shape[3])
        return F.conv2d(votes, self.evidence)


def explained(classifier: Classifier, *, height: int, width: int) -> Explained | None:
    """Return `classifier` with heat maps for images of this size; None where there are none.

    Fully connected layers, which the classic net has, mix all places; and a last feature map of a
    single place, which small images end in, tells nothing about places.
    """
    net = classifier.net
    if isinstance(net, ClassicNet):
        return None
    centres = (
        _fast_centres(net, height, width) if isinstance(net, FastNet) else _resnet_centres(height, width)
    )
    if len(centres[0]) * len(centres[1]) == 1:
        return None
    return Explained(classifier, centres, (height, width))


def _fast_centres(net: FastNet, height: int, width: int) -> tuple[list[float], list[float]]:
    """Return where the places of the last maps lie, in pixels from the upper left corner."""
    height, width = height - 1, width - 1  # the stem's kernel is two pixels wide, and nothing is padded
    first, stride = 1.0, 1
    for _ in net.blocks:
        if min(height, width) >= 2:  # else a block does not pool
            height, width, first, stride = height // 2, width // 2, first + stride / 2, 2 * stride
    rows, columns = ([first + stride * i for i in range(size)] for size in (height, width))
    return rows, columns


def _resnet_centres(height: int, width: int) -> tuple[list[float], list[float]]:
    """Return the same of ResNet-18, whose three strides of 2 have padded kernels of 3."""
    rows, columns = ([0.5 + 8 * i for i in range(-(-size // 8))] for size in (height, width))
    return rows, columns


def _resampling(centres: Sequence[float], length: int) -> Tensor:
    """Return the matrix float32 [GRID, n] from values at `centres` to evenly spaced ones in 0 to `length`.

    Between two centres it runs in a line; beyond the outermost the value stays.
    """
    places = torch.tensor(centres, dtype=torch.float64)
    spots = (torch.arange(GRID, dtype=torch.float64) + 0.5) * length / GRID
    spots = spots.clamp(places.min(), places.max())
    spacing = float((places[1] - places[0]).abs()) if len(places) > 1 else 1.0
    weights = F.relu(1 - (spots[:, None] - places).abs() / max(spacing, length / GRID))
    return (weights / weights.sum(1, keepdim=True)).float()
