"""`promote`, `rollback`, `history`, `deploy`: which version is champion, and bringing it into service.

These commands open the registry without MLflow's client where possible: a rollback must not wait seconds
for its import.
"""

from typing import TYPE_CHECKING

import click

from darkroom.cli.context import ROOT, registry
from darkroom.cli.options import Options, registry_options, split_version
from darkroom.cli.output import print_result

if TYPE_CHECKING:
    from darkroom.registry.champion import Change


@click.command()
@click.argument("version")
@click.option("--why", required=True, help="The reason, kept in the history.")
@registry_options
@click.pass_obj
def promote(options: Options, version: str, why: str) -> None:
    """Make a version champion on your own decision.

    VERSION is a number; with a model also MODEL/3.
    """
    from darkroom.registry import champion
    from darkroom.registry.store import open_store

    model, number = split_version(version)
    with registry(options, model) as opened:
        change = champion.promote(open_store(opened.uri), opened.name, number, why=why)
    _print(options, opened.name, change)


@click.command()
@click.argument("model", required=False)
@click.option("--why", default="rolled back", show_default=True, help="The reason, kept in the history.")
@registry_options
@click.pass_obj
def rollback(options: Options, model: str | None, why: str) -> None:
    """Make the previous champion champion again.

    MODEL is a registered model.
    """
    from darkroom.registry import champion
    from darkroom.registry.store import open_store

    with registry(options, model) as opened:
        change = champion.rollback(open_store(opened.uri), opened.name, why=why)
    _print(options, opened.name, change)


@click.command()
@click.argument("model", required=False)
@registry_options
@click.pass_obj
def history(options: Options, model: str | None) -> None:
    """List every change of champion.

    A line says when, who, from which version to which, and why. MODEL is a registered model.
    """
    from darkroom.registry import champion
    from darkroom.registry.store import open_store
    from darkroom.text import columns

    with registry(options, model) as opened:
        changes = champion.history(open_store(opened.uri), opened.name)
    rows = [
        (c.when[:19].replace("T", " "), c.who, c.action, f"{c.before or 'none'} -> {c.after}", c.why)
        for c in changes
    ]
    text = columns([("when (UTC)", "who", "action", "champion", "why"), *rows])
    if not changes:
        text = f"{opened.name} has no history: no version was ever champion"
    print_result(options, changes, text)


@click.command()
@click.argument("model", required=False)
@click.option("--bento", metavar="TAG", help="Another Bento than the champion's.")
@click.option("--port", type=int, default=3000, show_default=True, help="Port of the service.")
@registry_options
@click.pass_obj
def deploy(options: Options, model: str | None, bento: str | None, port: int) -> None:
    """Change the running service to the champion.

    No request fails meanwhile. A Bento is built first where the champion has none. MODEL is a registered
    model.
    """
    from darkroom.registry import deploy as deployment
    from darkroom.registry.store import open_store

    with registry(options, model) as opened:
        try:
            done = deployment.deploy(ROOT, open_store(opened.uri), opened.name, port=port, tag=bento)
        except deployment.SupervisorError as error:
            raise SystemExit(str(error)) from error
    text = (
        f"{done['tag']} is served, it was ready after {done['seconds']} s; "
        f"{done['before']} stops after its last response"
    )
    print_result(options, done, f"{done['tag']} is served already" if done["tag"] == done["before"] else text)


def _print(options: Options, name: str, change: "Change") -> None:
    text = (
        f"{name}: version {change.after} is champion, it was {change.before or 'none'}.\n"
        "The service keeps its model until `python -m darkroom deploy`"
    )
    print_result(options, {"model": name, **vars(change)}, text)
