"""`drift` and `report`: pages and Markdown about what was served and what a change does."""

from pathlib import Path

import click

from darkroom.cli.context import ROOT
from darkroom.cli.options import Options, json_option
from darkroom.cli.output import print_result

PATH = click.Path(path_type=Path)


@click.command()
@click.option("--log", type=PATH, required=True, help="The folder in DARKROOM_LOG.")
@click.option(
    "--reference",
    type=PATH,
    default=ROOT / "models/champion/reference.json",
    help="Reference of the model; default: the champion's.",
)
@click.option("--version", help="Version of the model; default: that of the newest line in the log.")
@click.option("--html", type=PATH, required=True, help="Where to write the page.")
@json_option
@click.pass_obj
def drift(options: Options, log: Path, reference: Path, version: str | None, html: Path) -> None:
    """Write a page about drift in a prediction log.

    It compares the log with the reference of the model.
    """
    from darkroom.files import write_text
    from darkroom.reporting.drift_log import DriftError
    from darkroom.reporting.drift_report import drift_page
    from darkroom.serving.monitoring.reference_file import read_reference

    try:
        page, verdict = drift_page(log, read_reference(reference), version=version)
    except FileNotFoundError as error:
        raise SystemExit(
            f"{error.filename} is not there: `dvc repro register` writes the champion's"
        ) from error
    except (DriftError, ValueError) as error:
        raise SystemExit(str(error)) from error
    write_text(html, page)
    print_result(options, {"verdict": verdict, "html": html.resolve()}, f"{verdict}\n{html} shows it.")


@click.command()
@click.option("--against", default="main", show_default=True, help="Commit or branch.")
@json_option
@click.pass_obj
def report(options: Options, against: str) -> None:
    """Print the effect of a change on the reports.

    The reports are compared with those of another commit, as Markdown for a pull request.
    """
    from darkroom.reporting.change_report import pr_report

    markdown = pr_report(ROOT, against=against)
    print_result(options, {"against": against, "markdown": markdown}, markdown)
