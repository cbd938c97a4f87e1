"""`python -m darkroom feedback`: review feedback on the command line."""

import argparse
import os
from pathlib import Path

from darkroom.text import columns  # the rest is imported where it is used: pandas takes a second


def add_to(parser: argparse.ArgumentParser, root: Path) -> None:
    """Give a command its options and steps; `root` is the checkout."""
    folder = argparse.ArgumentParser(add_help=False)
    folder.add_argument(
        "--folder",
        type=Path,
        default=os.environ.get("DARKROOM_FEEDBACK"),
        help="in which the service keeps feedback (default: DARKROOM_FEEDBACK)",
    )
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    to_list = steps.add_parser("list", parents=[folder], help="list the reported images")
    to_list.add_argument("--table", type=Path, help="write it as CSV, for a spreadsheet, and to decide in")
    to_list.add_argument("--gallery", type=Path, help="write it as a page with the images, to decide in")
    to_list.add_argument("--open", action="store_true", help="only undecided images")
    to_review = steps.add_parser("review", parents=[folder], help="decide: in a table, or on images")
    to_review.add_argument("--table", type=Path, help="with the decisions, as list wrote it")
    to_review.add_argument("images", nargs="*", metavar="SHA256", help="of an image, or how it begins")
    to_review.add_argument(
        "--confirm",
        action="store_const",
        dest="action",
        const="confirm",
        help="keep the reported class",
    )
    to_review.add_argument("--reject", action="store_const", dest="action", const="reject", help="of no use")
    to_review.add_argument(
        "--class", dest="label", help="that is right: corrects, or confirms one of several"
    )
    to_review.add_argument("--by", help="who decides (default: the user)")
    to_export = steps.add_parser(
        "export", parents=[folder], help="write confirmed images to the folder that dvc repro trains on"
    )
    to_export.add_argument("--into", type=Path, default=root / "corrections", help="(default: corrections/)")


def run(root: Path, asked: argparse.Namespace) -> str:
    """Do what was asked, and return what to print; errors end the program with a message."""
    from darkroom.feedback.store import ReviewError

    if asked.folder is None:
        raise SystemExit("name the folder in which the service keeps feedback: --folder or DARKROOM_FEEDBACK")
    steps = {"list": _list, "review": _review, "export": _export}
    try:
        return steps[asked.step](root, asked)
    except (ReviewError, OSError) as error:
        raise SystemExit(str(error)) from error


def _list(root: Path, asked: argparse.Namespace) -> str:
    from darkroom.feedback import decisions, store
    from darkroom.files import write_table, write_text

    every = store.read_items(asked.folder)
    items = [item for item in every if not (asked.open and item.decision)]
    undecided = sum(item.decision is None for item in every)
    lines = [f"{len(every)} images, {undecided} undecided"]
    if asked.table:
        from darkroom.feedback.tables import to_table

        write_table(asked.table, to_table(items))
        lines.append(
            f"{asked.table}: fill in decision and class, then `feedback review --table {asked.table}`"
        )
    if asked.gallery:
        from darkroom.feedback.gallery import gallery_page

        classes = decisions.known_classes(every, root / "data" / "meta.json")
        write_text(asked.gallery, gallery_page(items, classes))
        lines.append(f"{asked.gallery}: open it in a browser; it saves a table for `feedback review --table`")
    if not (asked.table or asked.gallery) and items:
        rows = [
            (
                item.sha256[:12],
                item.reported_text(),
                f"{item.predicted} ({item.probability:.0%})",
                f"{item.model} {item.version}",
                " ".join(filter(None, (item.decision.action, item.decision.label))) if item.decision else "",
            )
            for item in items
        ]
        lines.append(columns([("image", "reported", "predicted", "model", "decision"), *rows]))
    return "\n".join(lines)


def _review(root: Path, asked: argparse.Namespace) -> str:
    from darkroom.feedback import decisions, store

    if bool(asked.table) == bool(asked.images):
        raise SystemExit("give either --table, or the images with --confirm, --reject or --class")
    items = store.read_items(asked.folder)
    review = decisions.Review(
        items=items,
        classes=decisions.known_classes(items, root / "data" / "meta.json"),
        reviewer=asked.by or decisions.current_user(),
    )
    if asked.table:
        from darkroom.feedback.tables import read_table

        decided = read_table(asked.table, review)
    else:
        action = asked.action or ("correct" if asked.label else None)
        if action is None:
            raise SystemExit("give the decision: --confirm, --reject or --class")
        decided = [decisions.decide(review, image, action, asked.label) for image in asked.images]
    saved = store.save_decisions(asked.folder, decided)
    return f"{saved} decisions saved, {len(decided) - saved} unchanged; next: `feedback export`"


def _export(_: Path, asked: argparse.Namespace) -> str:
    from darkroom.feedback import corrections

    done = corrections.export(asked.folder, asked.into)
    summary = (
        f"{asked.into}: {done.new} new, {done.moved} moved to another class, {done.withdrawn} withdrawn, "
        f"{done.unchanged} unchanged; next: `dvc repro`"
    )
    if done.missing:
        names = ", ".join(sha256[:12] for sha256 in done.missing)
        raise SystemExit(
            f"{summary}\n{len(done.missing)} confirmed images in {asked.folder} are missing or damaged: "
            f"{names}. Restore the files, or reject them."
        )
    return summary
