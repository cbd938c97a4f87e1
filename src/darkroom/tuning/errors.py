"""Errors of a search, and which errors of a training make a failed trial."""

import re

import optuna
import torch

from darkroom.config import ParamsError
from darkroom.training.history import TrainingError

OUT_OF_MEMORY = re.compile(
    r"not enough memory|out of memory|can.t allocate memory|cannot allocate memory", re.IGNORECASE
)

Pruned = optuna.TrialPruned
"""Raised inside a trial's training to stop it early."""


class StudyError(ValueError):
    """The study cannot be searched, or it found nothing. The message says why and what to do."""


def failure_reason(error: BaseException) -> str | None:
    """Return why a trial failed if its values caused `error`; None if the code has a mistake.

    A trial's values are to blame for a diverged loss, for parameters that cannot be combined, and for
    running out of memory (of the machine or of the graphics card).

    >>> failure_reason(MemoryError("9 GiB"))
    'out of memory: 9 GiB'
    >>> failure_reason(ZeroDivisionError()) is None
    True
    """
    if isinstance(error, TrainingError | ParamsError):
        return str(error)
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and OUT_OF_MEMORY.search(str(error))
    ):
        return f"out of memory: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
    return None
