"""`promote`, `rollback`, `history`, `deploy`: which version is champion, and bringing it into service.

These commands open the registry without MLflow's client where possible: a rollback must not wait seconds
for its import.
"""

from typing import TYPE_CHECKING

import click

from darkroom.cli.context import ROOT, Options, registry

if TYPE_CHECKING:
    from darkroom.registry.champion import Change


@click.command()
@click.argument("version")
@click.option("--why", required=True, help="The reason, kept in the history.")
@click.pass_obj
def promote(options: Options, version: str, why: str) -> None:
    """Make a version champion on your own decision.

    VERSION is a number.
    """
    from darkroom.registry import champion
    from darkroom.registry.store import open_store

    with registry(options) as opened:
        change = champion.promote(open_store(opened.uri), opened.name, version, why=why)
    click.echo(_describe(opened.name, change))


@click.command()
@click.option("--why", default="rolled back", show_default=True, help="The reason, kept in the history.")
@click.pass_obj
def rollback(options: Options, why: str) -> None:
    """Make the previous champion champion again."""
    from darkroom.registry import champion
    from darkroom.registry.store import open_store

    with registry(options) as opened:
        change = champion.rollback(open_store(opened.uri), opened.name, why=why)
    click.echo(_describe(opened.name, change))


@click.command()
@click.pass_obj
def history(options: Options) -> None:
    """List every change of champion.

    A line says when, who, from which version to which, and why.
    """
    from darkroom.registry import champion
    from darkroom.registry.store import open_store
    from darkroom.text import columns

    with registry(options) as opened:
        changes = champion.history(open_store(opened.uri), opened.name)
    if not changes:
        click.echo(f"{opened.name} has no history: no version was ever champion")
        return
    rows = [
        (c.when[:19].replace("T", " "), c.who, c.action, f"{c.before or 'none'} -> {c.after}", c.why)
        for c in changes
    ]
    click.echo(columns([("when (UTC)", "who", "action", "champion", "why"), *rows]))


@click.command()
@click.option("--bento", metavar="TAG", help="Another Bento than the champion's.")
@click.option("--port", type=int, default=3000, show_default=True, help="Port of the service.")
@click.pass_obj
def deploy(options: Options, bento: str | None, port: int) -> None:
    """Change the running service to the champion.

    No request fails meanwhile. A Bento is built first where the champion has none.
    """
    from darkroom.registry import deploy as deployment
    from darkroom.registry.store import open_store

    with registry(options) as opened:
        try:
            done = deployment.deploy(ROOT, open_store(opened.uri), opened.name, port=port, tag=bento)
        except deployment.SupervisorError as error:
            raise SystemExit(str(error)) from error
    if done["tag"] == done["before"]:
        click.echo(f"{done['tag']} is served already")
        return
    click.echo(
        f"{done['tag']} is served, it was ready after {done['seconds']} s; "
        f"{done['before']} stops after its last response"
    )


def _describe(name: str, change: "Change") -> str:
    return (
        f"{name}: version {change.after} is champion, it was {change.before or 'none'}.\n"
        "The service keeps its model until `python -m darkroom deploy`"
    )
