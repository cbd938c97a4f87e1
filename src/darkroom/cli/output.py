"""What commands print: text for people, or one JSON document (`--json`) and nothing else."""

import json
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import Any

import click

from darkroom.cli.options import Options


def print_result(options: Options, data: Any, text: str) -> None:
    """Print the result of a command: `data` as JSON where `--json` was given, otherwise `text`."""
    if options.as_json:
        print_json(data)
    else:
        click.echo(text)


def print_json(data: Any) -> None:
    """Print plain values and dataclasses as JSON, in ASCII: it survives every terminal's encoding."""
    click.echo(json.dumps(_plain(data), indent=2, allow_nan=False))


@contextmanager
def only_the_result_on_stdout(options: Options) -> Iterator[None]:
    """With `--json`, send what programs print that are started in the block to standard error."""
    if not options.as_json:
        yield
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _plain(value: Any) -> Any:
    """Return a value in what JSON has: NaN and infinities, which it has not, become null.

    >>> _plain({"p": float("nan"), "classes": ("cat", 1)})
    {'p': None, 'classes': ['cat', 1]}
    """
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return str(value)  # a path
