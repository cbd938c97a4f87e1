"""The section `export` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from darkroom.config.base import Section


class Export(Section):
    """What the exported graph must keep to.

    Attributes:
        tolerance: largest difference of a probability from torch's, in fp32.
        precision: in which the service runs the graph; `auto` is bf16 where both bounds below hold.
        bf16_same_class: smallest share of validation images that keep their most probable class in bf16.
        bf16_difference: largest change in bf16 of an image's most changed probability, averaged over images.
    """

    tolerance: Annotated[float, Field(gt=0, le=1)]
    precision: Literal["auto", "bf16", "fp32"]
    bf16_same_class: Annotated[float, Field(gt=0, le=1)]
    bf16_difference: Annotated[float, Field(gt=0, le=1)]
