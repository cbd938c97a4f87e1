"""The section `data` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from darkroom.config.base import Section


class Data(Section):
    """Which data set, and how much of its training part validates."""

    name: Literal["cifar10", "digits"]
    validation_fraction: Annotated[float, Field(gt=0, lt=1)]
