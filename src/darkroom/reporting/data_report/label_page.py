"""The page of the report on a data set with several labels: one HTML file that needs no network."""

from pathlib import Path

import numpy as np

from darkroom.data.label_sets import YES
from darkroom.reporting.data_report.label_sets import LabelInspection
from darkroom.reporting.data_report.page import text, wide
from darkroom.reporting.data_report.thumbnails import strip
from darkroom.reporting.document import document

SAMPLES = 8  # images of a label
PAIRS = 20  # of the highest, and of the lowest lift


def label_page(found: LabelInspection) -> str:
    """Return the report as an HTML document; every name in it is escaped."""
    name = found.data.name
    verdict = "".join(f"<p>{text(sentence)}</p>" for sentence in found.verdict)
    sections = [
        f'<h1>Data report: {text(name)}</h1><div class="verdict" id="verdict">{verdict}</div>',
        _labels(found),
        _cardinality(found),
        _pairs(found),
        _notes(found),
    ]
    style = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
    return document(f"Data report: {name}", "\n".join(sections), style=style)


def _labels(found: LabelInspection) -> str:
    train, random, rows = found.data.splits["train"], np.random.default_rng(0), []
    for number, row in enumerate(found.counts.to_dict("records")):
        places = np.flatnonzero(train.labels[:, number] == YES)
        chosen = np.sort(random.choice(places, min(SAMPLES, len(places)), replace=False))
        images = strip(
            [np.asarray(train.images[place]) for place in chosen], f"images with {text(row['class'])}"
        )
        told = f"{text(row['told_by'])} ({row['auc']:.2f})" if row["told_by"] else ""
        counts = [f"{row[part]:,}" for part in (*found.data.splits, "unknown")]
        rows.append([text(row["class"]), *counts, told, images])
    heads = ["label", *found.data.splits, "unknown", "told by (AUC)", "training images with it"]
    return "<h2>Labels</h2>" + wide(_table(heads, rows), "labels")


def _cardinality(found: LabelInspection) -> str:
    rows = [[str(number), f"{count:,}"] for number, count in enumerate(found.cardinality)]
    return "<h2>Labels of an image</h2>" + _table(["labels", "training images"], rows)


def _pairs(found: LabelInspection) -> str:
    pairs = found.pairs
    ends = [pairs.head(PAIRS), pairs[pairs["expected"] >= 1].tail(PAIRS)]
    parts = [
        "<h2>Labels together</h2><p>Lift: images with both, as a multiple of what chance would give.</p>"
    ]
    for title, part in zip(("The highest lift", "The lowest lift"), ends, strict=True):
        rows = [
            [
                text(row["class"]),
                text(row["other"]),
                f"{row['together']:,}",
                f"{row['expected']:.1f}",
                f"{row['lift']:.2f}",
                row["kind"],
            ]
            for row in part.to_dict("records")
        ]
        heads = ["label", "and", "images with both", "expected", "lift", ""]
        parts.append(f"<h3>{title}</h3>" + _table(heads, rows))
    return "".join(parts)


def _notes(found: LabelInspection) -> str:
    notes = "".join(f"<li>{text(note)}</li>" for note in found.data.notes)
    left_out = found.data.left_out["reason"].str.split(":").str[0].value_counts()
    reasons = [[text(str(reason)), f"{count:,}"] for reason, count in left_out.items()]
    table = _table(["left out because", "files"], reasons) if reasons else "<p>No file was left out.</p>"
    return f"<h2>What the scan decided</h2><ul>{notes}</ul>{table}"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
