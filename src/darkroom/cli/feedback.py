"""`python -m darkroom feedback`: the review of feedback by command; what it does is in `review`."""

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
        help="that the service keeps feedback in (default: DARKROOM_FEEDBACK)",
    )
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    to_list = steps.add_parser("list", parents=[folder], help="a row an image: said, predicted, decided")
    to_list.add_argument("--table", type=Path, help="write it as CSV, for a spreadsheet, and to decide in")
    to_list.add_argument("--gallery", type=Path, help="write it as a page with the images, to decide in")
    to_list.add_argument("--open", action="store_true", help="only what is not decided yet")
    to_review = steps.add_parser("review", parents=[folder], help="decide: in a table, or on images")
    to_review.add_argument("--table", type=Path, help="with the decisions, as list wrote it")
    to_review.add_argument("images", nargs="*", metavar="SHA256", help="of an image, or how it begins")
    to_review.add_argument(
        "--confirm", action="store_const", dest="action", const="confirm", help="what was said is right"
    )
    to_review.add_argument("--reject", action="store_const", dest="action", const="reject", help="of no use")
    to_review.add_argument(
        "--class", dest="label", help="that is right: corrects, or confirms one of several"
    )
    to_review.add_argument("--by", help="who decides (default: the user)")
    to_export = steps.add_parser(
        "export", parents=[folder], help="write what is confirmed to where dvc repro takes it in"
    )
    to_export.add_argument("--into", type=Path, default=root / "corrections", help="(default: corrections/)")


def run(root: Path, asked: argparse.Namespace) -> str:
    """Do what was asked, and return what to print; errors end the program with a message."""
    from darkroom.feedback.store import ReviewError

    if asked.folder is None:
        raise SystemExit("name the folder that the service keeps feedback in: --folder, or DARKROOM_FEEDBACK")
    steps = {"list": _list, "review": _review, "export": _export}
    try:
        return steps[asked.step](root, asked)
    except (ReviewError, OSError) as error:
        raise SystemExit(str(error)) from error


def _list(root: Path, asked: argparse.Namespace) -> str:
    from darkroom.feedback import decisions, gallery, store
    from darkroom.files import write_table, write_text

    every = store.read_items(asked.folder)
    items = [item for item in every if not (asked.open and item.decision)]
    undecided = sum(item.decision is None for item in every)
    lines = [f"{len(every)} images, {undecided} not decided yet"]
    if asked.table:
        write_table(asked.table, store.table(items))
        lines.append(
            f"{asked.table}: fill in decision and class, then `feedback review --table {asked.table}`"
        )
    if asked.gallery:
        classes = decisions.known_classes(every, root / "data" / "meta.json")
        write_text(asked.gallery, gallery.gallery(items, classes))
        lines.append(f"{asked.gallery}: open it in a browser; it saves a table for `feedback review --table`")
    if not (asked.table or asked.gallery) and items:
        rows = [
            (
                item.sha256[:12],
                store.told(item),
                f"{item.predicted} ({item.probability:.0%})",
                f"{item.model} {item.version}",
                " ".join(filter(None, (item.decision.action, item.decision.label))) if item.decision else "",
            )
            for item in items
        ]
        lines.append(columns([("image", "said", "predicted", "model", "decision"), *rows]))
    return "\n".join(lines)


def _review(root: Path, asked: argparse.Namespace) -> str:
    from darkroom.feedback import decisions, store

    if bool(asked.table) == bool(asked.images):
        raise SystemExit("give either --table, or the images with --confirm, --reject or --class")
    items = store.read_items(asked.folder)
    classes, who = (
        decisions.known_classes(items, root / "data" / "meta.json"),
        asked.by or decisions.reviewer(),
    )
    if asked.table:
        decided = decisions.read_table(asked.table, items, classes=classes, who=who)
    else:
        action = asked.action or ("correct" if asked.label else None)
        if action is None:
            raise SystemExit("say what is decided: --confirm, --reject or --class")
        decided = [
            decisions.decide(items, image, action, asked.label, classes=classes, who=who)
            for image in asked.images
        ]
    kept = store.keep(asked.folder, decided)
    return f"{kept} decisions kept, {len(decided) - kept} stood already; next: `feedback export`"


def _export(_: Path, asked: argparse.Namespace) -> str:
    from darkroom.feedback import corrections

    done = corrections.export(asked.folder, asked.into)
    said = (
        f"{asked.into}: {done.new} new, {done.moved} moved to another class, {done.withdrawn} withdrawn, "
        f"{done.unchanged} as they were; next: `dvc repro`"
    )
    if done.missing:
        names = ", ".join(sha256[:12] for sha256 in done.missing)
        raise SystemExit(
            f"{said}\n{len(done.missing)} confirmed images are gone from {asked.folder}, or not what they "
            f"were: {names}. Bring the files back, or reject them."
        )
    return said
