"""The section `data` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from darkroom.config.base import Section


class Data(Section):
    """Which data set, and how much of its training part validates.

    Attributes:
        name: of the data source, a key of `darkroom.data.sources.SOURCES`.
        validation_fraction: share of the training images that validates, the same of every class.
    """

    name: Literal["cifar10", "digits"]
    validation_fraction: Annotated[float, Field(gt=0, lt=1)]
