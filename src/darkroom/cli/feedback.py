"""`feedback list`, `propose`, `review`, `export`: review feedback on the command line."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from darkroom.cli.context import ROOT
from darkroom.cli.groups import Commands, help_without_a_command
from darkroom.cli.options import Options, json_option
from darkroom.cli.output import print_result
from darkroom.text import columns

if TYPE_CHECKING:
    from darkroom.feedback.store import Item

PATH = click.Path(path_type=Path)
UNLIMITED = 2**63  # bytes: who calls the command owns the folder


def folder_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option for the folder that the service keeps feedback in."""
    return click.option(
        "--folder",
        type=PATH,
        envvar="DARKROOM_FEEDBACK",
        help="Folder in which the service keeps feedback; default: DARKROOM_FEEDBACK.",
    )(command)


@click.group(cls=Commands, invoke_without_command=True)
@click.pass_context
def feedback(context: click.Context) -> None:
    """Review what users reported of images."""
    help_without_a_command(context)


@feedback.command("list")
@folder_option
@click.option("--table", type=PATH, help="Write a CSV table, to decide in with a spreadsheet.")
@click.option("--gallery", type=PATH, help="Write a page with the images, to decide in with a browser.")
@click.option("--open", "only_open", is_flag=True, help="Only undecided images.")
@json_option
@click.pass_obj
def list_(
    options: Options, folder: Path | None, table: Path | None, gallery: Path | None, *, only_open: bool
) -> None:
    """List the reported images."""
    with _reviewed(folder) as kept:
        from darkroom.feedback import decisions, store
        from darkroom.feedback.gallery import gallery_page
        from darkroom.feedback.tables import to_table
        from darkroom.files import write_table, write_text
        from darkroom.serving.escaping import escape

        every = store.read_items(kept)
        items = [item for item in every if not (only_open and item.decision)]
        undecided = sum(item.decision is None for item in every)
        lines = [f"{len(every)} images, {undecided} undecided"]
        if table:
            write_table(table, to_table(items))
            lines.append(f"{table}: fill in decision and class, then `feedback review --table {table}`")
        if gallery:
            classes = decisions.known_classes(every, ROOT / "data" / "meta.json")
            write_text(gallery, gallery_page(items, classes))
            lines.append(f"{gallery}: open it in a browser; it saves a table for `feedback review --table`")
        if not (table or gallery) and items:
            rows = [
                (
                    item.sha256[:12],
                    item.reported_text(),
                    f"{item.shown(item.predicted)} ({item.probability:.0%})",
                    f"{item.model} {item.version}",
                    _decided(item),
                )
                for item in items
            ]
            shown = [tuple(map(escape, row)) for row in rows]  # what strangers sent reaches a terminal
            lines.append(columns([("image", "reported", "predicted", "model", "decision"), *shown]))
    facts = {"images": len(every), "undecided": undecided, "listed": items}
    print_result(options, facts, "\n".join(lines))


def _decided(item: "Item") -> str:
    """Return the decision on an image in a few words; empty where there is none."""
    if item.decision is None:
        return ""
    label = item.decision.label
    return " ".join(filter(None, (item.decision.action, label and item.shown(label))))


@feedback.command()
@folder_option
@json_option
@click.pass_obj
def propose(options: Options, folder: Path | None) -> None:
    """Put labels that look wrong into the review.

    They are those of training images in the data report, reports/label_proposals.csv. To confirm one gives
    the image the class that was proposed; to reject it leaves its label as it is.
    """
    with _reviewed(folder) as kept:
        from datetime import UTC, datetime

        from darkroom.data.splits import open_split, read_meta
        from darkroom.feedback import proposals
        from darkroom.feedback.store import ReviewError
        from darkroom.serving.monitoring.feedback_store import FeedbackStore

        table = proposals.read_proposals(ROOT / "reports" / "label_proposals.csv")
        images = open_split(ROOT / "data" / "train").images
        meta = read_meta(ROOT / "data" / "meta.json")
        if meta.several:
            raise ReviewError(
                f"images of {meta.name} have several labels, of which no proposals are made yet: "
                "reports/label_issues.csv lists answers that look wrong"
            )
        name = meta.name
        store = FeedbackStore(kept, limit=UNLIMITED)

        def keep(image: bytes, kind: str, label: str, about: Mapping[str, Any]) -> bool:
            return store.keep(image, image_format=kind, label=label, details=about)

        now = datetime.now(UTC).isoformat(timespec="seconds")
        new, known = proposals.propose(table, images, name=name, time=now, keep=keep)
    text = f"{new} labels to review, {known} were there already; next: `feedback list --gallery review.html`"
    print_result(options, {"new": new, "known": known}, text)


@feedback.command()
@folder_option
@click.option("--table", type=PATH, help="Table with the decisions, as `list` wrote it.")
@click.argument("images", nargs=-1, metavar="[SHA256]...")
@click.option("--confirm", "action", flag_value="confirm", help="Keep the reported class.")
@click.option("--reject", "action", flag_value="reject", help="The image is of no use.")
@click.option(
    "--class",
    "label",
    help="The correct class: corrects, or confirms one of several. Of a model of several labels all that "
    "the image has, as `car|tree` or a JSON list; `[]` is none.",
)
@click.option("--by", help="Who decides; default: the user.")
@json_option
@click.pass_obj
def review(
    options: Options,
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
        from darkroom.feedback.tables import read_table

        if bool(table) == bool(images):
            raise SystemExit("give either --table, or the images with --confirm, --reject or --class")
        items = store.read_items(kept)
        context = decisions.Review(
            items=items,
            classes=decisions.known_classes(items, ROOT / "data" / "meta.json"),
            reviewer=by or decisions.current_user(),
        )
        if table:
            decided = read_table(table, context)
        else:
            chosen = action or ("correct" if label else None)
            if chosen is None:
                raise SystemExit("give the decision: --confirm, --reject or --class")
            decided = [decisions.decide(context, image, chosen, label) for image in images]
        saved = store.save_decisions(kept, decided)
    unchanged = len(decided) - saved
    text = f"{saved} decisions saved, {unchanged} unchanged; next: `feedback export`"
    print_result(options, {"saved": saved, "unchanged": unchanged}, text)


@feedback.command()
@folder_option
@click.option("--into", type=PATH, default=ROOT / "corrections", help="Folder; default: corrections/.")
@json_option
@click.pass_obj
def export(options: Options, folder: Path | None, into: Path) -> None:
    """Write confirmed images to the folder of corrections."""
    with _reviewed(folder) as kept:
        from darkroom.feedback import corrections

        done = corrections.export(kept, into)
    summary = (
        f"{into}: {done.new} new, {done.moved} moved to another class, {done.withdrawn} withdrawn, "
        f"{done.unchanged} unchanged; next: `dvc repro`"
    )
    if done.missing:
        names = ", ".join(sha256[:12] for sha256 in done.missing)
        raise SystemExit(
            f"{summary}\n{len(done.missing)} confirmed images in {kept} are missing or damaged: "
            f"{names}. Restore the files, or reject them."
        )
    print_result(options, {"into": into, **vars(done)}, summary)


@contextmanager
def _reviewed(folder: Path | None) -> Iterator[Path]:
    """Give the folder with the feedback; an error in the block ends the program with its message."""
    from darkroom.feedback.store import ReviewError  # imports pandas, which takes a second
    from darkroom.serving.escaping import escape

    if folder is None:
        raise SystemExit("name the folder in which the service keeps feedback: --folder or DARKROOM_FEEDBACK")
    try:
        yield folder
    except (ReviewError, OSError) as error:
        raise SystemExit("\n".join(map(escape, str(error).split("\n")))) from error
