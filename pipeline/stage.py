"""What every stage has around its work: it stops in order on a signal, and tells what limits or stops it."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from darkroom import UserError, machine, stopping
from darkroom.disk import disk_errors_told
from darkroom.environment import bento_home
from pipeline import CHECKPOINTS, DATA, MODELS, REPORTS, ROOT, tracking_uri


def stage(main: Callable[[], None]) -> None:
    """Run a stage; on a signal say how to go on, and end by that signal; tell what is wrong with a disk."""
    if "DVC_STAGE" in os.environ:  # without DVC nobody would use the outputs, and a new run would collide
        stopping.stop_with_parent()
    limits = machine_limits()
    if limits and "TORCHELASTIC_RUN_ID" not in os.environ:  # torchrun's parent has said it
        print(limits, flush=True)
    try:
        with (
            disk_errors_told(written_places(), again="run `dvc repro` again"),
            stopping.handled(),
            user_errors_told(),
        ):
            main()
    except stopping.Stopped as stopped:
        if not stopped.told:
            print(f"{stopped}; {how_to_go_on(stopped)}", file=sys.stderr)
        stopping.end_by(stopped.signal)


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
        path = Path(str(error.filename or error)).absolute()  # pyarrow has only a message, which is the path
        if not path.is_relative_to(ROOT):
            raise
        raise SystemExit(
            f"{path.relative_to(ROOT)} is missing: `dvc repro` makes it, with everything that it needs"
        ) from error


def written_places() -> list[Path]:
    """Return the files and folders that stages write to; each may be on a disk of its own."""
    places = [ROOT, DATA, MODELS, REPORTS, CHECKPOINTS, bento_home(ROOT)]
    if tracking_uri().startswith("sqlite:///"):
        places.append(Path(tracking_uri().removeprefix("sqlite:///")))
    with suppress(FileNotFoundError):  # there is none, which the stage will notice
        places.append(Path(tempfile.gettempdir()))
    return places


def machine_limits() -> str:
    """Return a line on the cores and the memory that this process may not use; empty if it may use all."""
    usable = (machine.cores(), machine.memory())
    return "; ".join(str(each) for each in usable if each.reason)


def how_to_go_on(stopped: stopping.Stopped) -> str:
    """Return what the next run does."""
    # a scratch copy, of the quickstart or of `dvc exp run --temp`, goes with what it had
    if ".dvc" in ROOT.parts:
        return "the same command starts again"
    if stopped.done:
        return "`dvc repro` goes on from there"
    return "nothing is left half-written; `dvc repro` runs this stage again"
