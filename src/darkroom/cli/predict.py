"""`predict`: a table of predictions for people's own images, without the service."""

import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from darkroom.cli.context import ROOT
from darkroom.cli.options import Options, registry_options
from darkroom.cli.output import print_json
from darkroom.cli.stoppable import stoppable

if TYPE_CHECKING:
    from darkroom.prediction.items import Item

AGAIN = "The same command goes on from there"


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--to", default="-", show_default=True, help="The table; - is standard output.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["csv", "parquet", "jsonl"], case_sensitive=False),
    help="Of the table; default: by the name after --to, and CSV on standard output.",
)
@click.option(
    "--model",
    default="",
    help="photos@champion, photos/3, a Bento's tag, an exported folder or a .bento file; default: the "
    "champion of the data set in params.yaml.",
)
@click.option("--top", type=click.IntRange(min=1), default=1, show_default=True, help="Classes to name.")
@click.option(
    "--probabilities/--no-probabilities",
    default=None,
    help="A column for each class; default: up to 100 classes.",
)
@click.option("--image", "column", default="", metavar="COLUMN", help="Of a table, that names the images.")
@click.option("--threads", type=click.IntRange(min=0), default=0, help="Default: one each core.")
@registry_options
@click.pass_obj
def predict(
    options: Options | None,
    paths: tuple[str, ...],
    to: str,
    kind: str | None,
    model: str,
    top: int,
    probabilities: bool | None,
    column: str,
    threads: int,
) -> None:
    """Predict images; write a table with a row each.

    PATHS are images, folders, globs, archives, tables (CSV, TSV, Parquet, JSON Lines), lists (@FILE, or - for
    standard input) and URLs of these. A file that cannot be used is a row with a reason. A run that was
    stopped or killed goes on when it is called again.
    """
    from darkroom.config import ParamsError
    from darkroom.data.storage import SourceError
    from darkroom.prediction.loading import load
    from darkroom.prediction.output import format_of
    from darkroom.registry.store import RegistryError

    options = options or Options()
    if model and options.name:
        raise click.UsageError(f"two models are named: {model} by --model, and {options.name} by --name")
    try:
        kind = format_of(to, kind or "")
        _check_place(to, paths)
        loaded = load(model or options.name or "", uri=options.uri or "", root=ROOT, threads=threads)
        with stoppable(AGAIN if to != "-" else "Nothing was kept: name a file after --to"):
            _predict(loaded, paths, to, kind, options, top=top, probabilities=probabilities, column=column)
    except (SourceError, RegistryError, ParamsError) as error:
        raise SystemExit(str(error)) from error


def _predict(
    model: object,
    paths: Iterable[str],
    to: str,
    kind: str,
    options: Options,
    *,
    top: int,
    probabilities: bool | None,
    column: str,
) -> None:
    from tqdm import tqdm

    from darkroom.data.storage import SourceError
    from darkroom.prediction.model import Model
    from darkroom.prediction.output import Parts, parts_folder
    from darkroom.prediction.results import layout_of

    assert isinstance(model, Model)
    items = _items(paths, column)
    layout = layout_of(model.classifier, top=top, probabilities=probabilities)
    key = f"{model.sha256} {model.version} {model.classifier.precision} {layout}"
    start = time.monotonic()
    with ExitStack() as stack:
        if to == "-":
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "parts"
        else:
            folder = parts_folder(Path(to))
        parts = Parts(folder, items, key, layout)
        kept = parts.count
        if kept:
            click.echo(f"{kept:,} of {len(items):,} images were predicted before: goes on", err=True)
        bar = stack.enter_context(
            tqdm(total=len(items), initial=kept, desc="predict", unit=" images", disable=None)
        )
        try:
            for rows in model.classified(items[kept:]):
                parts.add(rows)
                bar.update(len(rows.items))
        except SourceError as error:
            parts.write_kept()
            raise SourceError(
                f"{error}\n{parts.count:,} of {len(items):,} images are predicted. {AGAIN}"
            ) from error
        except BaseException:
            parts.write_kept()  # a signal: what was computed is not lost
            raise
        seconds = time.monotonic() - start
        parts.write()
        counts = parts.counts()
        parts.together(to, kind)
    done = {"model": model.name, "version": model.version, "table": to, **counts}
    if options.as_json and to != "-":
        print_json(done | {"seconds": round(seconds, 3)})
    else:
        click.echo(_summary(done, len(items) - kept, seconds), err=True)
    if counts["unusable"] == counts["images"]:
        raise SystemExit("none of the images could be used: the column reason says why")


def _items(paths: Iterable[str], column: str) -> "list[Item]":
    """Return all images that the arguments name. Raises SourceError where there are none."""
    from darkroom.data.storage import SourceError
    from darkroom.prediction.places import find

    def note(text: str) -> None:
        click.echo(text, err=True)

    items = [item for path in paths for item in find(path, Path.cwd(), column=column, note=note)]
    if not items:
        raise SourceError(f"there are no images in {', '.join(paths)}")
    return items


def _check_place(to: str, paths: Iterable[str]) -> None:
    """Raise SourceError where the table would replace what is read, or is a folder."""
    from darkroom.data.storage import SourceError
    from darkroom.prediction.lists import there

    if to == "-":
        return
    table = Path(to)
    if table.is_dir():
        raise SourceError(f"{to} is a folder: name the table in it, such as {table / 'predictions.csv'}")
    for path in paths:
        if table.exists() and any(there(read) and table.samefile(read) for read in _names(path)):
            raise SourceError(f"{to} is read: name another file after --to")


def _names(path: str) -> list[Path]:
    return [Path(path).expanduser(), Path(path.removeprefix("@")).expanduser()]


def _summary(done: dict[str, object], predicted: int, seconds: float) -> str:
    version = f"/{done['version']}" if done["version"] else ""
    rate = f" in {seconds:.1f} s ({predicted / seconds:,.0f} a second)" if predicted and seconds else ""
    return (
        f"{done['images']:,} images by {done['model']}{version}{rate}: {done['unsure']:,} unsure, "
        f"{done['unusable']:,} could not be used. "
        f"{'' if done['table'] == '-' else 'Written to ' + str(done['table'])}"
    ).rstrip()
