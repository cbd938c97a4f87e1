"""The page of the report: one HTML file that needs no network and runs no script."""

import html
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.data.splits import Split
from darkroom.reporting.data_report.findings import LOOK, MEND, percent
from darkroom.reporting.data_report.inputs import Inspection
from darkroom.reporting.data_report.shortcuts import WHAT
from darkroom.reporting.data_report.strange import KINDS
from darkroom.reporting.data_report.thumbnails import strip
from darkroom.reporting.document import document

CLASSES = 60  # that are shown with samples; of more, the largest and the smallest
SAMPLES = 8  # images of a class, and of a kind of strange ones
PAIRS, LABELS = 24, 48  # shown at most
ROWS = 12  # of a table of sizes, types or reasons
PATH = 80  # characters of a path that are shown


def data_page(found: Inspection) -> str:
    """Return the report as an HTML document; every name in it is escaped."""
    sections = [
        _verdict(found),
        _findings(found),
        _counts(found),
        _samples(found),
        _batch(found),
        _files(found),
        _left_out(found),
        _copies(found),
        _strange(found),
        _shortcuts(found),
        _labels(found),
    ]
    style = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
    return document(f"Data report: {found.name}", "\n".join(sections), style=style)


def _verdict(found: Inspection) -> str:
    sentences = "".join(f"<p>{text(sentence)}</p>" for sentence in found.verdict)
    mend = any(one.level == MEND for one in found.findings)
    return (
        f"<h1>Data report: {text(found.name)}</h1>"
        f'<div class="verdict{" mend" if mend else ""}" id="verdict">{sentences}</div>'
    )


def _findings(found: Inspection) -> str:
    if not found.findings:
        return ""
    words = {MEND: "Mend", LOOK: "Look"}
    rows = "".join(
        f'<li class="{one.level}" data-finding="{one.key}"><b>{words[one.level]}:</b> {text(one.text)}. '
        f"{text(one.advice)}</li>"
        for one in sorted(found.findings, key=lambda one: one.level != MEND)
    )
    return f"<h2>Findings</h2><ul>{rows}</ul>"


def _counts(found: Inspection) -> str:
    counts = found.counts.assign(all=found.counts.sum(axis=1)).sort_values(
        "all", ascending=False, kind="stable"
    )
    names = list(found.counts.columns)
    shown, note = _ends(list(counts.index), CLASSES)
    values = {name: [int(one) for one in row] for name, *row in counts.itertuples()}
    largest = max(int(counts["all"].max()), 1)
    rows = [
        [
            text(name),
            *(f"{count:,}" for count in values[name][:-1]),
            f'<span class="bar" style="width: {120 * values[name][-1] / largest:.0f}px"></span>',
        ]
        for name in shown
    ]
    total = ["all", *(f"{int(counts[split].sum()):,}" for split in names), ""]
    table = _table(["class", *names, ""], [total, *rows], numbers=range(1, 1 + len(names)))
    return f"<h2>Classes</h2>{note}{table}"


def _samples(found: Inspection) -> str:
    train = found.splits["train"]
    order = found.counts["train"].sort_values(ascending=False, kind="stable").index
    shown, note = _ends(list(order), CLASSES)
    numbers = {name: number for number, name in enumerate(found.classes)}
    random, rows = np.random.default_rng(0), []
    for name in shown:
        places = np.flatnonzero(train.labels == numbers[name])
        chosen = np.sort(random.choice(places, min(SAMPLES, len(places)), replace=False))
        rows.append([text(name), strip(_images(train, chosen), f"training images of {text(name)}")])
    intro = "<h2>Samples</h2><p>Training images drawn at random, as the model sees them.</p>"
    return f"{intro}{note}{_table(['class', 'images'], rows)}"


def _batch(found: Inspection) -> str:
    parts = ["<h2>A batch as the network gets it</h2>"]
    for title, images in found.batches.items():
        height, width = images.shape[1:3]
        half = -(-len(images) // 2)
        strips = strip(images[:half], text(title)) + strip(images[half:], text(title))
        parts.append(
            f"<figure><figcaption>{text(title)}, {height}×{width} pixels</figcaption>"
            f"{wide(strips, title)}</figure>"
        )
    return "".join(parts)


def _files(found: Inspection) -> str:
    facts = found.facts
    if not (facts["format"] != "").any():
        height, width = found.splits["train"].images.shape[1:3]
        return f"<h2>Sizes and types</h2><p>All images are published as {height}×{width} pixels.</p>"
    known = facts[facts["width"] > 0]
    sizes = known["width"].astype(int).astype(str) + "×" + known["height"].astype(int).astype(str)
    tables = [
        _counted("width×height", sizes),
        _counted("format", known["format"]),
        _counted("mode", known["mode"]),
    ]
    quantiles = ", ".join(
        f"{name} {known[name].min():,.0f} to {known[name].max():,.0f} (median {known[name].median():,.0f})"
        for name in ("width", "height")
    )
    return f"<h2>Sizes and types</h2><p>{quantiles} pixels, as stored.</p>{''.join(tables)}"


def _counted(title: str, values: pd.Series) -> str:
    counts = values.value_counts()
    rows = [[text(str(value)), f"{count:,}"] for value, count in counts.head(ROWS).items()]
    if len(counts) > ROWS:
        rows.append([f"{len(counts) - ROWS:,} others", f"{counts.iloc[ROWS:].sum():,}"])
    return _table([title, "images"], rows, numbers=[1])


def _left_out(found: Inspection) -> str:
    table = found.left_out
    notes = "".join(f"<li>{text(note)}</li>" for note in found.notes)
    parts = ["<h2>Left out</h2>", f"<ul>{notes}</ul>" if notes else ""]
    if table.empty:
        return "".join([*parts, "<p>Nothing was left out.</p>"])
    counts = table["reason"].str[:100].value_counts()
    rows = [
        [
            text(str(reason)),
            f"{count:,}",
            text(_short(str(table["path"][table["reason"].str[:100] == reason].iloc[0]))),
        ]
        for reason, count in counts.head(ROWS).items()
    ]
    if len(counts) > ROWS:
        rows.append([f"{len(counts) - ROWS:,} other reasons", f"{counts.iloc[ROWS:].sum():,}", ""])
    parts.append(_table(["reason", "files", "the first"], rows, numbers=[1]))
    return "".join([*parts, "<p>reports/left_out.csv names every file.</p>"])


def _copies(found: Inspection) -> str:
    copies = found.copies
    parts = ["<h2>Copies and leaks</h2>"]
    parts.append(f"<p>{copies.equal:,} images equal an earlier one, pixel for pixel. ")
    if found.own:
        parts.append(
            "Copies lie in one split, whatever the source gives"
            f"{f': {copies.moved:,} images were moved for that' if copies.moved else ''}.</p>"
        )
    else:
        parts.append(
            f"{copies.compared:,} held-out images were compared with the training images: "
            f"{copies.leaks:,} are nearly copies of one.</p>"
        )
    shown = copies.pairs.head(PAIRS)
    if len(shown) < len(copies.pairs):
        parts.append(f"<p>The first {len(shown)} of {len(copies.pairs):,} pairs:</p>")
    figures = []
    for row in shown.to_dict("records"):
        pair = [
            found.splits[row["split"]].images[row["index"]],
            found.splits[row["other_split"]].images[row["other_index"]],
        ]
        caption = f"{row['split']} {row['index']:,} and {row['other_split']} {row['other_index']:,}"
        if row["leak"]:
            caption = f"<b>leak:</b> {caption}"
        if row["similarity"] == row["similarity"]:
            caption += f", {row['similarity']:.3f} alike"
        figures.append(f"<figure>{strip(pair, 'two images')}<figcaption>{caption}</figcaption></figure>")
    return "".join([*parts, f'<div class="pairs">{"".join(figures)}</div>' if figures else ""])


def _strange(found: Inspection) -> str:
    parts = ["<h2>Strange images</h2>"]
    if found.strange.empty:
        return "".join([*parts, "<p>No image is strange in brightness, sharpness, shape or size.</p>"])
    rows = []
    for kind, meaning in KINDS.items():
        table = found.strange[found.strange["kind"] == kind]
        if table.empty:
            continue
        first = table.head(SAMPLES)
        images = [
            found.splits[split].images[index]
            for split, index in zip(first["split"], first["index"], strict=True)
        ]
        names = [_short(path) for path in first["path"].head(3) if path]
        rows.append(
            [
                f"{text(meaning)}<br><span class='soft'>{text(', '.join(names))}</span>",
                f"{len(table):,}",
                strip(images, text(meaning)),
            ]
        )
    table_of_kinds = _table(["", "images", "the first"], rows, numbers=[1])
    return "".join([*parts, table_of_kinds, "<p>reports/strange_images.csv names all of them.</p>"])


def _shortcuts(found: Inspection) -> str:
    rows = []
    for key, one in found.shortcuts.items():
        if one["accuracy"] is None:
            result, span = "alike in all images, or too few images", ""
        else:
            result = percent(one["accuracy"])
            span = f"{percent(one['low'])} to {percent(one['high'])}"
        told = ", ".join(text(name) for name in one["classes_told"][:5])
        rows.append([text(WHAT[key]), result, span, percent(one["majority"]), told])
    looked = next(iter(found.shortcuts.values()))["images"]
    return (
        "<h2>Can the class be told without looking?</h2>"
        f"<p>A small model (a random forest, cross-validated on {looked:,} training images) sees nothing but "
        "these facts. The names of the classes are taken out of the paths.</p>"
        + _table(["from", "accuracy", "95 %", "largest class", "sets apart"], rows, numbers=[2, 3])
    )


def _labels(found: Inspection) -> str:
    proposals = found.proposals
    parts = ["<h2>Labels that look wrong</h2>"]
    accuracy = "" if proposals.accuracy is None else percent(proposals.accuracy)
    if not proposals.trusted:
        why = (
            f"simple features tell the class of {accuracy} of them only" if accuracy else "there are too few"
        )
        return "".join(
            [
                *parts,
                f"<p>{proposals.looked_at:,} training images were looked at: {why}, too little to judge "
                "labels by. After training, reports/label_issues.csv judges validation and test.</p>",
            ]
        )
    parts.append(
        f"<p>{len(proposals.found):,} of {proposals.looked_at:,} training images that were looked at, by two "
        f"simple models that are right for {accuracy} of them. They are proposals: "
        "<code>darkroom feedback propose</code> puts them into the review.</p>"
    )
    train = found.splits["train"]
    figures = [
        f"<figure>{strip([train.images[row['index']]], 'a training image')}<figcaption>labelled "
        f"{text(str(row['label']))}, looks like <b>{text(str(row['suggested']))}</b> "
        f"({percent(row['suggested_probability'])})</figcaption></figure>"
        for row in proposals.found.head(LABELS).to_dict("records")
    ]
    if len(figures) < len(proposals.found):
        parts.append(f"<p>The first {len(figures)}:</p>")
    return "".join([*parts, f'<div class="pairs">{"".join(figures)}</div>' if figures else ""])


def text(value: str) -> str:
    """Return plain text as HTML."""
    return html.escape(value)


def wide(inside: str, label: str) -> str:
    """Return HTML in a box with a name, in which it scrolls, also by keyboard, where it is too wide."""
    return f'<div class="wide" role="group" aria-label="{text(label)}" tabindex="0">{inside}</div>'


def _images(split: Split, places: NDArray[np.int64]) -> list[NDArray[np.uint8]]:
    return [split.images[place] for place in places]


def _ends(names: list[str], most: int) -> tuple[list[str], str]:
    """Return names in descending order; of too many the first and the last, and a sentence that says so."""
    if len(names) <= most:
        return names, ""
    half = most // 2
    return [
        *names[:half],
        *names[-half:],
    ], f"<p>The {half} largest and the {half} smallest of {len(names):,} classes.</p>"


def _short(path: str) -> str:
    return path if len(path) <= PATH else "…" + path[1 - PATH :]


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Iterable[int] = ()) -> str:
    """Return a table of cells that are HTML already."""
    kinds = ['class="number"' if place in set(numbers) else "" for place in range(len(headings))]
    head = "".join(f"<th {kind}>{text(name)}</th>" for name, kind in zip(headings, kinds, strict=True))
    body = "".join(
        f"<tr>{''.join(f'<td {kind}>{cell}</td>' for cell, kind in zip(row, kinds, strict=True))}</tr>"
        for row in rows
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return wide(table, " and ".join(name for name in headings if name))
