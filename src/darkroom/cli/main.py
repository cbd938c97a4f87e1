"""The command line: the options before a command, and the list of the commands."""

import os

import click

from darkroom.cli import champion, feedback, quickstart, reports, versions
from darkroom.cli.context import ROOT, Options
from darkroom.disk import disk_errors_told
from darkroom.environment import prepare_process

# MLflow's default of 7 takes four minutes before it reports that a server does not respond
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--name", help="Registered model; default: darkroom-<data.name of params.yaml>.")
@click.option("--uri", help="Registry; default: MLFLOW_TRACKING_URI, or mlflow.db in the checkout.")
@click.pass_context
def commands(context: click.Context, name: str | None, uri: str | None) -> None:
    """Manage registered models: list, compare, promote, roll back, deploy and reproduce them.

    Other commands review feedback and report on drift and changes.
    """
    context.obj = Options(name=name, uri=uri)


for command in (
    quickstart.quickstart,
    versions.list_,
    versions.show,
    versions.compare,
    versions.lineage,
    versions.reproduce,
    champion.promote,
    champion.rollback,
    champion.history,
    champion.deploy,
    feedback.feedback,
    reports.drift,
    reports.report,
):
    commands.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run a command, of `arguments` or of the process; raise SystemExit when it fails."""
    prepare_process(ROOT)
    places = [ROOT, ROOT / "mlflow.db", ROOT / "models"]
    try:
        with disk_errors_told(places, again="run the command again"):
            commands.main(arguments)
    except SystemExit as end:
        if end.code:  # click ends a command that succeeded by SystemExit(0)
            raise
