"""`data`: people's own images become the data set of the pipeline."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import click

from darkroom.cli.context import ROOT
from darkroom.cli.options import Options, json_option
from darkroom.cli.output import print_result
from darkroom.text import columns, counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from darkroom.config.data import Data
    from darkroom.data.storage import Storage

SHOWN = 12  # classes, and reasons for leaving files out, that are listed
COLOURED = 4  # of 255: the mean difference of an image's channels from which on it is in colour
# What is set for one data set by hand and would not go with another, and how it is without.
OF_ANOTHER_SOURCE: dict[str, object] = {
    "model.head": "linear",
    "model.label_vectors": "",
    "model.structure": "none",
    "model.tune_backbone": "none",
    "model.ensemble": [],
    "train.minutes": 0,
    "train.processes": 1,
    "train.unknown_labels": "ignore",
    "train.use_validation": False,
    "calibrate.views": "all",
}
OF_ONE_LABEL: dict[str, object] = {"train.loss": "cross_entropy", "train.best_by": "accuracy"}
SAMPLE = 48  # images whose sizes are looked at, and that are drawn


@click.group()
def data() -> None:
    """Choose the images that the pipeline works on."""


@data.command()
@click.argument("source")
@click.option("--name", default="", help="Name of the data set; default: from SOURCE.")
@click.option(
    "--table", default="", help="The file with the labels, if there are several or it is elsewhere."
)
@click.option("--image", default="", help="Its column that names the images.")
@click.option("--label", default="", help="Its column with the class.")
@click.option(
    "--labels",
    type=click.Choice(["one", "several"]),
    default=None,
    help="Whether an image has one label or any number of them; default: from the table.",
)
@click.option("--split", default="", help="Its column with train, validation or test.")
@click.option("--group", default="", help="Its column that must not cross splits, such as a patient.")
@click.option("--dry-run", is_flag=True, help="Only show what would be set.")
@json_option
@click.pass_context
def use(
    context: click.Context,
    /,
    source: str,
    name: str,
    dry_run: bool,
    table: str,
    labels: str | None,
    **columns: str,
) -> None:
    """Look at the images in SOURCE and set params.yaml for them.

    SOURCE is a folder with a folder for each class or with a table, a table, an archive, a URL, or cifar10 or
    digits. Nothing is written into it.
    """
    from darkroom.config import ParamsError, load_params
    from darkroom.config.data import PUBLISHED, source_name
    from darkroom.config.writing import write_params
    from darkroom.data.storage import SourceError

    options: Options = context.obj or Options()
    path = ROOT / "params.yaml"
    facts: dict[str, object] = {}
    try:
        if source in PUBLISHED:
            changes: dict[str, object] = {"data.name": source, "data.source": "", "data.labels": "one"}
            changes |= OF_ANOTHER_SOURCE | OF_ONE_LABEL
            _say(
                options,
                f"Uses {source}. Its other parameters are those of the last commit: git checkout params.yaml",
            )
        else:
            settings = load_params(path).data
            place = _absolute(source)
            # those of an earlier source would be wrong for this one
            of_table = {"table": _absolute(table) if Path(table).is_file() else table, **columns}
            chosen = settings.model_copy(update={"source": place, **of_table})
            changes = {"data.name": name or source_name(place), "data.source": place}
            changes |= {f"data.{key}": value for key, value in of_table.items()}
            chosen = chosen.model_copy(update={"labels": labels or _kind_of_labels(place, chosen)})
            changes["data.labels"] = chosen.labels
            facts, proposed = _look(place, chosen, options)
            changes |= OF_ANOTHER_SOURCE | proposed
        if not dry_run:
            write_params(path, changes)
    except (ParamsError, SourceError) as error:
        raise SystemExit(str(error)) from error
    done = f"Written into {path.name}. Next: dvc repro, then make serve"
    text = "\nNothing was written (--dry-run)." if dry_run else f"\n{done}"
    print_result(options, {**facts, "written": not dry_run, "parameters": changes}, text)


def _say(options: Options, text: str) -> None:
    """Print what people want to know on the way; with --json on standard error."""
    click.echo(text, err=options.as_json)


def _absolute(source: str) -> str:
    """Return a path as it is for everyone, whatever the working directory; `~` is kept."""
    if "://" in source or source.startswith("~"):
        return source
    path = Path(source).absolute()
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def _kind_of_labels(source: str, settings: "Data") -> str:
    """Return whether the images of a source have one label each, or several."""
    from darkroom.data.labels import kind_of_labels
    from darkroom.data.storage import open_storage

    # a table that is the source itself is read for its columns as it is opened
    storage = open_storage(source, ROOT, settings)
    return kind_of_labels(storage, list(storage.files()), settings) or "one"


def _look(source: str, settings: "Data", options: Options) -> tuple[dict[str, object], dict[str, object]]:
    """Show what is in a source; return it, and what is to be set for it."""
    from darkroom.config.writing import is_written
    from darkroom.data.labels import read_labels
    from darkroom.data.proposal import propose
    from darkroom.data.scan.label_sets import counts_of
    from darkroom.data.storage import open_storage

    storage = open_storage(source, ROOT, settings)
    files = list(storage.files())
    labelled = read_labels(storage, files, settings)
    images = labelled.images
    several = settings.labels == "several"
    counts = counts_of(image.labels for image in images) if several else Counter(i.label for i in images)
    parts = Counter(image.split or "to be split" for image in images)
    kinds = "labels, of which an image may have several," if several else "classes"
    found = f"{counted(len(images), 'image')} of {len(counts)} {kinds} in {counted(len(files), 'file')}"
    _say(options, f"{storage.place}: {found}\n")
    _say(
        options,
        columns(
            [
                ("label" if several else "class", "images"),
                *((label, f"{n:,}") for label, n in _shortened(counts)),
            ]
        ),
    )
    _say(options, "\nsplits: " + ", ".join(f"{n:,} {part}" for part, n in parts.most_common()))
    reasons = Counter(reason for _, reason in labelled.left_out)
    for reason, count in _shortened(reasons):
        _say(options, f"left out: {counted(count, 'file')}, {reason}")
    for note in labelled.notes:
        _say(options, note)
    step = max(1, len(images) // SAMPLE)
    sample = images[::step][:SAMPLE]
    sizes, sheet, colour = _sample(storage, [image.file.path for image in sample])
    _say(options, f"a sample of them: {sheet}\n")
    held_out = 0 if parts["test"] else settings.test_fraction
    training = round(len(images) * (1 - held_out) * (1 - settings.validation_fraction))
    kept = [count for count in counts.values() if count >= settings.smallest_class] or [len(images)]
    side = int(median(min(size) for size in sizes))
    backbone, note = _backbone(images=len(images), side=side, colour=colour, classes=sorted(counts))
    choices = propose(
        training=training,
        classes=sorted(counts),
        largest_share=max(kept) / len(images),
        smallest_share=min(kept) / len(images),
        side=side,
        testing=parts["test"] or round(len(images) * held_out),
        sizes=sizes,
        backbone=backbone,
        several=several,
    )
    # what someone took out of the search stays out
    params = ROOT / "params.yaml"
    choices = [one for one in choices if "tune.space" not in one.name or is_written(params, one.name)]
    _say(options, columns([(one.name, str(one.value), one.reason) for one in choices]))
    if note:
        _say(options, f"\n{note}")
    facts: dict[str, object] = {
        "place": storage.place,
        "images": len(images),
        "classes": dict(counts),
        "splits": dict(parts),
        "left_out": dict(reasons),
        "notes": labelled.notes,
        "sample": sheet,
    }
    return facts, {one.name: one.value for one in choices}


def _backbone(*, images: int, side: int, colour: bool, classes: Sequence[str]) -> tuple[str, str]:
    """Return the backbone to propose, or none; and what would make one possible, where it is missing."""
    from darkroom.data.proposal import suits_backbone

    if not suits_backbone(images=images, side=side, colour=colour, classes=classes):
        return "none", ""
    from darkroom.environment import user_cache
    from darkroom.models.backbones import BACKBONES  # torch, which it needs, takes seconds to import
    from darkroom.models.backbones.weights import can_be_had

    name = next(iter(BACKBONES))
    if can_be_had(BACKBONES[name], cache=user_cache()):
        return name, ""
    return "none", (
        "So few photographs may be learned better on a pretrained backbone, whose weights are not here: "
        "`make install-backbone`, then the same command again (docs/transfer.md)"
    )


def _shortened(counts: Counter[str]) -> list[tuple[str, int]]:
    """Return the most frequent names with their counts, and one row for the rest."""
    first = counts.most_common(SHOWN)
    rest = counts.total() - sum(count for _, count in first)
    return [*first, (f"{len(counts) - SHOWN} more", rest)] if rest else first


def _sample(storage: "Storage", paths: Sequence[str]) -> tuple[list[tuple[int, int]], Path, bool]:
    """Return width and height of some images in pixels, upright, where they are drawn, and if in colour.

    They are in colour if most of them are.
    """
    import numpy as np
    from PIL import Image

    from darkroom.data.storage import SourceError
    from darkroom.files import atomic_write
    from darkroom.images.decoding import decode
    from darkroom.images.formats import ImageError
    from darkroom.images.resizing import to_model_input

    sizes: list[tuple[int, int]] = []
    drawn = []
    for path in paths:
        try:
            image = decode(storage.read(path))
        except (ImageError, OSError):
            continue
        sizes.append(image.size)
        drawn.append(to_model_input(image, height=96, width=96, channels=3))
    if not sizes:
        raise SourceError(f"{storage.place}: none of {len(paths)} images that were tried can be read")
    colour = median(_colourful(image) for image in drawn) >= COLOURED
    across = min(8, len(drawn))
    drawn += [np.full((96, 96, 3), 255, np.uint8)] * (-len(drawn) % across)
    rows = [np.concatenate(drawn[start : start + across], axis=1) for start in range(0, len(drawn), across)]
    sheet = ROOT / ".checkpoints" / "images" / "sample.png"
    sheet.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(sheet) as file:
        Image.fromarray(np.concatenate(rows)).save(file, "PNG")
    return sizes, sheet, colour


def _colourful(image: "NDArray[np.uint8]") -> float:
    """Return by how much the channels of an image [H,W,3] differ on average: 0 for a grey one."""
    return float((image.max(axis=2).astype(int) - image.min(axis=2)).mean())
