"""The section `calibrate` of params.yaml."""

from typing import Annotated

from pydantic import Field

from darkroom.config.base import Section


class Calibrate(Section):
    """What is fitted on the validation images after training."""

    confident_accuracy: Annotated[float, Field(gt=0, le=1)]
