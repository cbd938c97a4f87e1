"""What every stage has around its work: it stops in order on a signal, and says how many cores it may use."""

import os
import sys
from collections.abc import Callable

from darkroom import machine, stopping
from pipeline import ROOT


def stage(main: Callable[[], None]) -> None:
    """Run a stage; on a signal say how to go on, and end by that signal."""
    if "DVC_STAGE" in os.environ:  # without DVC nobody would use the outputs, and a new run would collide
        stopping.stop_with_parent()
    limits = machine_limits()
    if limits and "TORCHELASTIC_RUN_ID" not in os.environ:  # torchrun's parent has said it
        print(limits, flush=True)
    try:
        with stopping.handled():
            main()
    except stopping.Stopped as stopped:
        if not stopped.told:
            print(f"{stopped}; {how_to_go_on(stopped)}", file=sys.stderr)
        stopping.end_by(stopped.signal)


def machine_limits() -> str:
    """Return a line on the cores and the memory that this process may not use; empty if it may use all."""
    usable = (machine.cores(), machine.memory())
    return "; ".join(str(each) for each in usable if each.reason)


def how_to_go_on(stopped: stopping.Stopped) -> str:
    """Return what the next run does."""
    if "exps" in ROOT.parts and ".dvc" in ROOT.parts:  # the scratch copy of `dvc exp run --temp` goes with it
        return "the same command starts again"
    if stopped.done:
        return "`dvc repro` goes on from there"
    return "nothing is left half-written; `dvc repro` runs this stage again"
