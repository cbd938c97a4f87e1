"""`feedback list`, `feedback review`, `feedback export`: the review of what users said of images."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from darkroom.cli.context import ROOT
from darkroom.text import columns

PATH = click.Path(path_type=Path)


def folder_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option for the folder that the service keeps feedback in."""
    return click.option(
        "--folder",
        type=PATH,
        envvar="DARKROOM_FEEDBACK",
        help="Folder that the service keeps feedback in; default: DARKROOM_FEEDBACK.",
    )(command)


@click.group()
def feedback() -> None:
    """Review what users said of images."""


@feedback.command("list")
@folder_option
@click.option("--table", type=PATH, help="Write a CSV table, to decide in with a spreadsheet.")
@click.option("--gallery", type=PATH, help="Write a page with the images, to decide in with a browser.")
@click.option("--open", "only_open", is_flag=True, help="Only what is not decided yet.")
def list_(folder: Path | None, table: Path | None, gallery: Path | None, *, only_open: bool) -> None:
    """List the images: what was said, predicted and decided."""
    with _reviewed(folder) as kept:
        from darkroom.feedback import decisions, store
        from darkroom.feedback import gallery as page
        from darkroom.files import write_table, write_text

        every = store.read_items(kept)
        items = [item for item in every if not (only_open and item.decision)]
        undecided = sum(item.decision is None for item in every)
        lines = [f"{len(every)} images, {undecided} not decided yet"]
        if table:
            write_table(table, store.table(items))
            lines.append(f"{table}: fill in decision and class, then `feedback review --table {table}`")
        if gallery:
            classes = decisions.known_classes(every, ROOT / "data" / "meta.json")
            write_text(gallery, page.gallery(items, classes))
            lines.append(f"{gallery}: open it in a browser; it saves a table for `feedback review --table`")
        if not (table or gallery) and items:
            rows = [
                (
                    item.sha256[:12],
                    store.told(item),
                    f"{item.predicted} ({item.probability:.0%})",
                    f"{item.model} {item.version}",
                    " ".join(filter(None, (item.decision.action, item.decision.label)))
                    if item.decision
                    else "",
                )
                for item in items
            ]
            lines.append(columns([("image", "said", "predicted", "model", "decision"), *rows]))
    click.echo("\n".join(lines))


@feedback.command()
@folder_option
@click.option("--table", type=PATH, help="Table with the decisions, as `list` wrote it.")
@click.argument("images", nargs=-1, metavar="[SHA256]...")
@click.option("--confirm", "action", flag_value="confirm", help="What was said is correct.")
@click.option("--reject", "action", flag_value="reject", help="The image is of no use.")
@click.option("--class", "label", help="The correct class: corrects, or confirms one of several.")
@click.option("--by", help="Who decides; default: the user.")
def review(
    folder: Path | None,
    table: Path | None,
    images: tuple[str, ...],
    action: str | None,
    label: str | None,
    by: str | None,
) -> None:
    """Decide, in a table or on single images.

    SHA256 is the hash of an image or its beginning.
    """
    with _reviewed(folder) as kept:
        from darkroom.feedback import decisions, store

        if bool(table) == bool(images):
            raise SystemExit("give either --table, or the images with --confirm, --reject or --class")
        items = store.read_items(kept)
        classes = decisions.known_classes(items, ROOT / "data" / "meta.json")
        who = by or decisions.reviewer()
        if table:
            decided = decisions.read_table(table, items, classes=classes, who=who)
        else:
            chosen = action or ("correct" if label else None)
            if chosen is None:
                raise SystemExit("say what is decided: --confirm, --reject or --class")
            decided = [
                decisions.decide(items, image, chosen, label, classes=classes, who=who) for image in images
            ]
        new = store.keep(kept, decided)
    click.echo(f"{new} decisions kept, {len(decided) - new} stood already; next: `feedback export`")


@feedback.command()
@folder_option
@click.option("--into", type=PATH, default=ROOT / "corrections", help="Folder; default: corrections/.")
def export(folder: Path | None, into: Path) -> None:
    """Write what is confirmed where `dvc repro` takes it."""
    with _reviewed(folder) as kept:
        from darkroom.feedback import corrections

        done = corrections.export(kept, into)
    summary = (
        f"{into}: {done.new} new, {done.moved} moved to another class, {done.withdrawn} withdrawn, "
        f"{done.unchanged} as they were; next: `dvc repro`"
    )
    if done.missing:
        names = ", ".join(sha256[:12] for sha256 in done.missing)
        raise SystemExit(
            f"{summary}\n{len(done.missing)} confirmed images are gone from {kept}, or not what they "
            f"were: {names}. Bring the files back, or reject them."
        )
    click.echo(summary)


@contextmanager
def _reviewed(folder: Path | None) -> Iterator[Path]:
    """Give the folder with the feedback; an error in the block ends the program with its message."""
    from darkroom.feedback.store import ReviewError  # imports pandas, which takes a second

    if folder is None:
        raise SystemExit("name the folder that the service keeps feedback in: --folder, or DARKROOM_FEEDBACK")
    try:
        yield folder
    except (ReviewError, OSError) as error:
        raise SystemExit(str(error)) from error
