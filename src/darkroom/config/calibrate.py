"""The section `calibrate` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from darkroom.config.base import Section


class Calibrate(Section):
    """What is fitted on the validation images after training.

    Attributes:
        confident_accuracy: a prediction is "uncertain" below the confidence from which on this share of the
            validation images was predicted correctly.
        thresholds: of several labels, from which probability on an image is said to have each: half, 0.5; f1,
            the one of the highest F1 on the validation images.
        views: of one label, of which images all of `model.views` are computed: all, of every one; auto, of
            those that one view leaves in doubt, where that changes hardly an answer on the validation images.
    """

    confident_accuracy: Annotated[float, Field(gt=0, le=1)]
    thresholds: Literal["half", "f1"]
    views: Literal["all", "auto"]
