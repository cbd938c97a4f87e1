"""The section `export` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from darkroom.config.base import Section


class Export(Section):
    """What the exported graph must keep to."""

    tolerance: Annotated[float, Field(gt=0)]
    precision: Literal["auto", "bf16", "fp32"]
    bf16_same_class: Annotated[float, Field(gt=0, le=1)]
    bf16_difference: Annotated[float, Field(gt=0, le=1)]
