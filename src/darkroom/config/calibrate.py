"""The section `calibrate` of params.yaml."""

from typing import Annotated

from pydantic import Field

from darkroom.config.base import Section


class Calibrate(Section):
    """What is fitted on the validation images after training.

    Attributes:
        confident_accuracy: a prediction is "uncertain" below the confidence from which on this share of the
            validation images was predicted correctly.
    """

    confident_accuracy: Annotated[float, Field(gt=0, le=1)]
