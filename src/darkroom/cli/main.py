"""The command line: the options before a command, the list of the commands, and how a command ends."""

import os
import sys

import click

from darkroom import __version__
from darkroom.cli import champion, data, feedback, predict, quickstart, reports, versions
from darkroom.cli.context import ROOT
from darkroom.cli.groups import Commands, help_without_a_command
from darkroom.cli.options import registry_options
from darkroom.cli.output import print_json
from darkroom.disk import disk_errors_told
from darkroom.environment import prepare_process
from darkroom.machine import limit_libraries

limit_libraries()
# MLflow's default of 7 takes four minutes before it reports that a server does not respond
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")

INTERRUPTED = 130  # the status of a program that Ctrl-C ended, as shells give it


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 110,
        "token_normalize_func": lambda word: word.lower().replace("_", "-"),
    },
)
@registry_options
@click.version_option(__version__, prog_name="darkroom", message="%(prog)s %(version)s")
@click.pass_context
def commands(context: click.Context) -> None:
    """Manage registered models: list, compare, promote, roll back, deploy and reproduce them.

    Other commands review feedback and report on drift and changes. The options below may also stand after
    the command.
    """
    help_without_a_command(context)


@click.command("help")
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def help_(context: click.Context, words: tuple[str, ...]) -> None:
    """Explain a command, or list all."""
    assert context.parent is not None, "help is a command of the group"
    explained = context.parent
    for word in words:
        if not isinstance(explained.command, click.Group):
            raise click.UsageError(f"{explained.command_path} has no commands", explained)
        name, command, _ = explained.command.resolve_command(explained, [word])
        assert command is not None, "click raises an error for an unknown command"
        explained = click.Context(command, parent=explained, info_name=name)
    click.echo(explained.get_help())


for command in (
    quickstart.quickstart,
    data.data,
    predict.predict,
    versions.list_,
    versions.models,
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
    help_,
):
    commands.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run a command, of `arguments` or of the process; raise SystemExit when it fails.

    With --json the error is printed as JSON too, beside the message on standard error.
    """
    prepare_process(ROOT)
    words = sys.argv[1:] if arguments is None else arguments
    as_json = any(word.lower() == "--json" for word in words)
    places = [ROOT, ROOT / "mlflow.db", ROOT / "models"]
    try:
        with disk_errors_told(places, again="run the command again"):
            status = commands.main(words, standalone_mode=False)
            sys.stdout.flush()  # here, where a broken pipe is caught
    except click.ClickException as error:
        error.show()
        if as_json:
            print_json({"error": error.format_message()})
        raise SystemExit(error.exit_code) from error
    except click.Abort as abort:
        raise SystemExit(INTERRUPTED) from abort
    except BrokenPipeError as error:
        # as Python's documentation says, or its own flush at exit would report the pipe again; the status is
        # that of click, which catches what breaks earlier
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from error
    except SystemExit as end:
        if as_json and isinstance(end.code, str):  # Python prints it on standard error
            print_json({"error": end.code})
        if end.code:  # click ends some commands that succeeded by SystemExit(0)
            raise
    else:
        if isinstance(status, int) and status:
            raise SystemExit(status)
