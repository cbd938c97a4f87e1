"""Darkroom: labelled images in; a tuned, tracked, registered and served classifier out.

Importing the package imports nothing heavy: the service runs without torch and MLflow. In programs and
notebooks, `darkroom.load("photos@champion").predict(paths_or_arrays)` returns a DataFrame.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"


class UserError(ValueError):
    """An error for the person who typed the command: its message says what was wrong and what to do.

    Stages and commands end with the message and without a traceback.
    """


def __getattr__(name: str) -> Any:
    """Import what `load` needs when it is first used: it takes a second, and a Bento has no such room."""
    if name == "load":
        return import_module("darkroom.prediction.loading").load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List `load` too, for completion in notebooks."""
    return sorted([*globals(), "load"])
