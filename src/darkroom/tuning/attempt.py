"""A trial as the function that trains it sees it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from darkroom.config import Params
from darkroom.training.history import Epoch


@dataclass(frozen=True)
class Attempt:
    """One attempt at a trial, by one worker."""

    number: int
    """The trial's number in the study, from 0."""
    first: int
    """The number of the trial that this one continues because its worker died; else its own number."""
    values: Mapping[str, Any]
    """The values tried, by dotted name of the parameter."""
    notes: Mapping[str, Any]
    """What `note` has kept so far, also for the trial that this one continues."""
    note: Callable[[str, Any], None]
    """Keeps a JSON-ready value with the trial, under a name."""
    report: Callable[[Epoch], None]
    """To be called after each epoch; raises `Pruned` if the trial should stop."""


Objective = Callable[[Params, Attempt], float]
"""Trains with the given parameters, reports each epoch, and returns the best validation figure, 0 to 1.

That is the accuracy, or what else `train.best_by` says.
"""
