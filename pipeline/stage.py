"""How a stage's script runs: an error that is meant for people ends it with its message."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from darkroom import UserError
from pipeline import ROOT


def stage(main: Callable[[], None]) -> None:
    """Run a stage's `main`."""
    with user_errors_told():
        main()


@contextmanager
def user_errors_told() -> Iterator[None]:
    """End the process with a message, without a traceback, where a person has something to do.

    That is where the block raises UserError, or does not find a file of the project that it reads.
    """
    try:
        yield
    except UserError as error:
        raise SystemExit(str(error)) from error
    except FileNotFoundError as error:
        path = Path(str(error.filename)).absolute()
        if not path.is_relative_to(ROOT):
            raise
        raise SystemExit(
            f"{path.relative_to(ROOT)} is missing: `dvc repro` makes it, with everything that it needs"
        ) from error
