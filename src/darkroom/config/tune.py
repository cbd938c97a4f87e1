"""The section `tune` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from darkroom.config.base import MOST, MOST_CORES, Count, Epochs, Section
from darkroom.config.search_space import Space


class Tune(Section):
    """The hyper-parameter search: its budget, how it searches, and its space.

    Attributes:
        trials: in total, over all runs and workers of this study; 0 takes params.yaml as it is.
        minutes: of search in total, after which no new trial starts; 0 is no limit.
        epochs: of a trial that runs to its end.
        min_epochs: before the pruner may stop a trial.
        reduction_factor: of asha and hyperband: 1 trial in so many goes on at each rung.
        pruner: which stops trials early.
        sampler: which draws the values of a trial.
        startup_trials: drawn at random before tpe has learned; for `median`, trials that run to their end.
        images: training images of each trial; 0 is all.
        resolution: side in pixels of each trial's training images; 0 is full size.
        workers: trials at a time, which share the cores out.
        engine: which starts the workers: `processes` on this machine, or `ray` on a cluster.
        dead_after: seconds without a heartbeat after which a worker of another machine counts as dead.
        space: by section and key, the range or choices of each parameter that is searched.
    """

    trials: Count
    minutes: Annotated[float, Field(ge=0, le=MOST)]
    epochs: Epochs
    min_epochs: Epochs
    reduction_factor: Annotated[int, Field(ge=2, le=MOST)]
    pruner: Literal["asha", "hyperband", "median", "none"]
    sampler: Literal["tpe", "random"]
    startup_trials: Count
    images: Count
    resolution: Count
    workers: Annotated[int, Field(ge=1, le=MOST_CORES)]
    engine: Literal["processes", "ray"]
    dead_after: Annotated[int, Field(ge=3, le=MOST)]
    space: Space

    @model_validator(mode="after")
    def _ordered(self) -> "Tune":
        if self.min_epochs > self.epochs:
            raise ValueError(
                f"min_epochs ({self.min_epochs}) is above epochs ({self.epochs}): no trial could be stopped "
                "early; set a smaller min_epochs, or pruner=none"
            )
        return self
