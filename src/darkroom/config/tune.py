"""The section `tune` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from darkroom.config.base import Count, Positive, Section
from darkroom.config.search_space import Space


class Tune(Section):
    """The hyper-parameter search: its budget, how it searches, and its space."""

    trials: Count
    minutes: Annotated[float, Field(ge=0)]
    epochs: Positive
    min_epochs: Positive
    reduction_factor: Annotated[int, Field(ge=2)]
    pruner: Literal["asha", "hyperband", "median", "none"]
    sampler: Literal["tpe", "random"]
    startup_trials: Count
    images: Count
    resolution: Count
    workers: Positive
    engine: Literal["processes", "ray"]
    dead_after: Annotated[int, Field(ge=3)]
    space: Space

    @model_validator(mode="after")
    def _ordered(self) -> "Tune":
        if self.min_epochs > self.epochs:
            raise ValueError(
                f"min_epochs ({self.min_epochs}) is above epochs ({self.epochs}): no trial could be stopped "
                "early; set a smaller min_epochs, or pruner=none"
            )
        return self
