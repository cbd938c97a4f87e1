"""The section `augment` of params.yaml."""

from typing import Literal

from darkroom.config.base import Count, Section


class Augment(Section):
    """What is done to training images, in pixels."""

    flip: Literal["none", "random", "alternating"]
    translate: Count
    cutout: Count
