"""The section `gate` of params.yaml."""

from typing import Annotated

from pydantic import Field

from darkroom.config.base import Section


class Gate(Section):
    """What a challenger must reach to take the champion's place."""

    significance: Annotated[float, Field(gt=0, lt=1)]
    min_accuracy: Annotated[float, Field(ge=0, le=1)]
    min_class_recall: Annotated[float, Field(ge=0, le=1)]
    max_calibration_error: Annotated[float, Field(ge=0, le=1)]
    max_milliseconds: Annotated[float, Field(ge=0)]
