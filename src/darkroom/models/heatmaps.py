"""Heat maps: which places of an image contribute to each class, computed in the same pass as the prediction.

A class activation map (Zhou et al. 2016, arXiv:1512.04150) divides a logit among the places of the last
feature maps. It was designed for nets that average over the places. Where a net takes the largest value of
each channel instead, a channel's part of the logit comes from the place of that value alone.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.models.classifier import Classifier
from darkroom.models.networks.net import LastMaps

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

    def __init__(self, classifier: Classifier, last: LastMaps, *, height: int, width: int) -> None:
        """Wrap a classifier whose last feature maps are `last` for images of this size in pixels."""
        super().__init__()
        self.classifier = classifier
        self.layer, self.takes_maximum = last.layer, last.takes_maximum
        # The softmax depends only on differences between classes, so the mean over the classes is subtracted.
        # A sigmoid depends on its own logit alone.
        if classifier.several:
            weight = last.weight * classifier.slope[:, None]
        else:
            weight = (last.weight - last.weight.mean(0)) / classifier.temperature
        self.register_buffer("evidence", weight[:, :, None, None].float())
        self.register_buffer("rows", _resampling(last.rows, height))
        self.register_buffer("columns", _resampling(last.columns, width))
        mirrored = [width - place for place in last.columns]
        self.register_buffer("mirrored_columns", _resampling(mirrored, width))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images uint8 [B,H,W,C] to probabilities [B,classes] and heat maps [B,classes,GRID,GRID], float32.

        A heat map covers the whole image evenly. Its values are parts of the class's logit, divided by the
        temperature and less the mean of all classes: above 0 they are evidence for the class, below 0 against
        it. They are of the image and of its mirrored view; shifted views are left out.
        """
        maps: list[Tensor] = []
        last = self.classifier.net.get_submodule(self.layer)
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

    It has none where the net has no last feature maps, or where they have one place only.
    """
    last = classifier.net.last_maps(height, width)
    if last is None or len(last.rows) * len(last.columns) == 1:
        return None
    return ClassifierWithHeatMaps(classifier, last, height=height, width=width)


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
