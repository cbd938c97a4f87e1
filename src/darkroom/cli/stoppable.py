"""Commands that run stages: on a signal the stage stops in order, then the command ends by that signal."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from darkroom import stopping


@contextmanager
def stoppable(advice: str) -> Iterator[None]:
    """Stop the block on a signal, tell `advice` on how to go on, and end the process by that signal."""
    try:
        with stopping.handled():
            yield
    except stopping.Stopped as stopped:
        click.echo(f"\n{stopped}. {advice}", err=True)
        stopping.end_by(stopped.signal)
