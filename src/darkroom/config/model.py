"""The section `model` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from darkroom.config.base import Positive, Section


class Model(Section):
    """The architecture and how it predicts."""

    architecture: Literal["fast", "classic", "resnet18"]
    widths: Annotated[tuple[Positive, ...], Field(min_length=1)]
    convolutions: Literal[2, 3]
    whitening: bool
    dirac: bool
    activation: Literal["gelu", "hardswish"]
    dropout: Annotated[float, Field(ge=0, le=0.9)]
    hidden: Positive
    views: Literal[1, 2, 6]
