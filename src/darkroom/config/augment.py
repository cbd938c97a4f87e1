"""The section `augment` of params.yaml."""

from typing import Literal

from darkroom.config.base import Count, Section


class Augment(Section):
    """How training images are augmented, on the training device.

    Attributes:
        flip: which images are mirrored: `alternating` mirrors each in every other epoch, `random` by chance.
        translate: shift in pixels at most, each way; the edges are reflected.
        cutout: side in pixels of a square set to the mean colour; 0 is off.
    """

    flip: Literal["none", "random", "alternating"]
    translate: Count
    cutout: Count
