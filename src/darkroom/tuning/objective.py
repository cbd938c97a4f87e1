"""What a trial is to the function that trains it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import optuna
import torch

from darkroom.config import Params, ParamsError
from darkroom.training.history import Epoch, TrainingError


class StudyError(ValueError):
    """The study cannot be searched, or found nothing; the message says why and what to do."""


Pruned = optuna.TrialPruned


"""Raised where a trial is stopped early."""


@dataclass(frozen=True)
class Attempt:
    """A trial as its objective sees it."""

    number: int
    first: int  # of the trial it goes on with, where that one's worker died; else its own
    values: Mapping[str, Any]  # that are tried, by dotted name
    notes: Mapping[str, Any]  # what was noted before, also by the trial it goes on with
    note: Callable[[str, Any], None]  # keeps a JSON-ready value with the trial
    report: Callable[[Epoch], None]  # after each epoch; raises Pruned where the trial is to stop


Objective = Callable[[Params, Attempt], float]


"""Trains with the params given, reports each epoch, returns the validation accuracy."""


def failure(error: BaseException) -> str | None:
    """Return the reason when a trial failed by what it tried, and not by a mistake in the code."""
    memory = r"not enough memory|out of memory|can.t allocate memory|cannot allocate memory"
    if isinstance(error, TrainingError | ParamsError):
        return str(error)
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and re.search(memory, str(error), re.IGNORECASE)
    ):
        return f"out of memory: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
    return None
