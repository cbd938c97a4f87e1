"""The whole of params.yaml as one frozen, typed tree."""

from typing import Annotated

from pydantic import Field, model_validator

from darkroom.config.augment import Augment
from darkroom.config.base import Section
from darkroom.config.calibrate import Calibrate
from darkroom.config.contradictions import INTERDEPENDENT, contradiction
from darkroom.config.data import Data
from darkroom.config.evaluate import Evaluate
from darkroom.config.export import Export
from darkroom.config.gate import Gate
from darkroom.config.model import Model
from darkroom.config.space_checks import check_space, value_of
from darkroom.config.train import Train
from darkroom.config.tune import Tune


class Params(Section):
    """The whole of params.yaml; an attribute for each section.

    Attributes:
        seed: of the split, the weights, the order of the images and the search; 32 bits, which is what
            scikit-learn's split takes.
    """

    seed: Annotated[int, Field(ge=0, lt=2**32)]
    data: Data
    model: Model
    augment: Augment
    train: Train
    tune: Tune
    calibrate: Calibrate
    evaluate: Evaluate
    export: Export
    gate: Gate

    @model_validator(mode="after")
    def _fits_together(self) -> "Params":
        wrong = contradiction({name: value_of(self, name) for name in INTERDEPENDENT})
        if wrong:
            raise ValueError(wrong)
        check_space(self)
        return self
