"""The options that commands share; they may stand before the command or after it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import click

from darkroom.registry.references import split_version as split_version

Command = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class Options:
    """The shared options as given; None where they were left out."""

    name: str | None = None
    uri: str | None = None
    as_json: bool = False


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Keep an option beside those given before the command; given twice, the later one counts."""
    kept = context.obj or Options()
    context.obj = replace(kept, **{str(parameter.name): value}) if value else kept


_shared: dict[str, Any] = {"callback": _keep, "expose_value": False}
name_option = click.option(
    "--name",
    **_shared,
    help="Registered model; default: darkroom-<data.name of params.yaml>, or the only one there is.",
)
uri_option = click.option(
    "--uri", **_shared, help="Registry; default: MLFLOW_TRACKING_URI, or mlflow.db in the checkout."
)
json_option = click.option(
    "--json", "as_json", is_flag=True, **_shared, help="Print the result, or the error, as JSON."
)


def registry_options(command: Command) -> Command:
    """Add the options of a command that uses the registry."""
    return name_option(uri_option(json_option(command)))
