"""The report on drift: a prediction log beside a model's reference, as one HTML page with figures."""

import html
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import style
from matplotlib.figure import Figure
from numpy.typing import NDArray

from darkroom.files import atomic_write
from darkroom.reporting.card_page import card_page
from darkroom.reporting.figures.style import BLUE, FAINT, INK, ORANGE, SOFT, STYLE, WIDTH
from darkroom.serving.monitoring.prediction_log import read_predictions
from darkroom.serving.monitoring.reference import EVERY, LEAST, STREAM, WINDOW, Reference

MOST_LOOKS = 400  # at a long log; more would not show


class DriftError(ValueError):
    """There is nothing to report on; the message says why and what to do."""


@dataclass(frozen=True)
class Logged:
    """What a log tells of one version: rows float32 `[N, columns]`, times, lines; what is left out."""

    rows: NDArray[np.float32]
    times: list[datetime]
    lines: list[dict[str, Any]]
    left_out: dict[str, int]


def read_log(folder: Path, reference: Reference, *, version: str | None = None) -> Logged:
    """Read the lines of `folder` that belong to a version of the model; None is that of the newest line.

    Raises DriftError where there are none, or fewer than are judged.
    """
    if not folder.is_dir():
        raise DriftError(f"{folder} is no folder: name the one in DARKROOM_LOG")
    every = list(read_predictions(folder))
    if not every:
        raise DriftError(
            f"{folder} holds no prediction: is it the one in DARKROOM_LOG of a service that answers?"
        )
    wanted = version or str(every[-1].get("model", {}).get("version"))
    rows, times, lines, left_out = [], [], [], dict[str, int]()
    for line in every:
        its = str(line.get("model", {}).get("version"))
        try:
            if its != wanted:
                raise ValueError(f"of version {its}")
            row, when = reference.of_line(line), datetime.fromisoformat(line["time"])
        except (KeyError, TypeError, ValueError) as error:
            why = str(error) if its != wanted else "without the numbers of this reference"
            left_out[why] = left_out.get(why, 0) + 1
            continue
        rows.append(row)
        times.append(when)
        lines.append(line)
    if len(rows) < LEAST:
        raise DriftError(
            f"{folder} holds {len(rows)} usable predictions of version {wanted}; {LEAST} are needed. "
            "Left out: " + (", ".join(f"{count} {why}" for why, count in left_out.items()) or "none")
        )
    return Logged(np.array(rows, dtype=np.float32), times, lines, left_out)


def look(reference: Reference, rows: NDArray[np.float32]) -> pd.DataFrame:
    """Return the scores at each look at rows `[N, columns]`, as the service's: `seen` and the statistics.

    A log with more than `MOST_LOOKS` looks is looked at less often.
    """
    step = EVERY * max(1, -(-len(rows) // (EVERY * MOST_LOOKS)))
    ends = range(max(LEAST, step), len(rows) + 1, step)
    table = [{"seen": end, **reference.scores(rows[max(0, end - WINDOW) : end])} for end in ends]
    return pd.DataFrame(table)


def drift_page(folder: Path, reference: Reference, *, version: str | None = None) -> tuple[str, str]:
    """Return the page for the prediction log in `folder`, and a sentence with what it found.

    Raises DriftError where there is nothing to report on.
    """
    logged = read_log(folder, reference, version=version)
    looks = look(reference, logged.rows)
    scores = looks.drop(columns="seen")
    overall = scores.max(axis=1)
    alarms = looks["seen"][overall >= 1]
    last = reference.scores(logged.rows[-WINDOW:])
    name, highest = max(last.items(), key=lambda item: item[1])
    judged = "have drifted" if highest >= 1 else "are as usual"
    verdict = (
        f"The last {min(WINDOW, len(logged.rows)):,} images {judged}: the largest score is {highest:.2f} "
        f"({_words(name)}), and 1 is the limit."
    )
    with tempfile.TemporaryDirectory() as scratch:
        images = Path(scratch)
        scores_figure(images / "scores.png", looks, [logged.times[end - 1] for end in looks["seen"]])
        classes_figure(images / "classes.png", reference, logged.rows[-WINDOW:])
        numbers_figure(images / "numbers.png", reference, logged.rows[-WINDOW:])
        text = "\n".join(_text(folder, reference, logged, looks, last, verdict, alarms))
        title = f"Drift: {logged.lines[-1]['model']['name']}"
        return card_page(text, folder=images, title=title), verdict


def _text(
    folder: Path,
    reference: Reference,
    logged: Logged,
    looks: pd.DataFrame,
    last: dict[str, float],
    verdict: str,
    alarms: "pd.Series[int]",
) -> Iterator[str]:
    model, rows = logged.lines[-1]["model"], logged.rows
    yield f"# Drift: {_cell(model['name'])}, version {_cell(model['version'])}\n"
    yield f"{verdict}\n"
    yield "| | |\n| --- | --- |"
    yield f"| images in the log | {len(rows):,} |"
    yield f"| from | {logged.times[0]:%Y-%m-%d %H:%M} to {logged.times[-1]:%Y-%m-%d %H:%M} UTC |"
    yield f"| reference | {reference.images:,} images that the model did not learn from |"
    yield f"| looks with an alarm | {len(alarms):,} of {len(looks):,} |"
    if len(alarms):
        first = int(alarms.iloc[0])
        yield f"| first alarm | after image {first:,}, {logged.times[first - 1]:%Y-%m-%d %H:%M} UTC |"
    for why, count in logged.left_out.items():
        yield f"| left out | {count:,} lines {_cell(why)} |"
    yield "\n## Scores over time\n"
    yield (
        f"Each look compares the last {WINDOW} images with the reference. A score of 1 is the limit: of a "
        f"hundred streams of {STREAM:,} unshifted images, one reaches it in any statistic.\n"
    )
    yield "![Scores over time](scores.png)\n"
    yield f"## The last {min(WINDOW, len(rows)):,} images\n"
    yield "| statistic | score | reference | now |\n| --- | --- | --- | --- |"
    for name, score in sorted(last.items(), key=lambda item: -item[1]):
        usual, now = _typical(name, reference, rows[-WINDOW:])
        told = f"**{score:.2f}**" if score >= 1 else f"{score:.2f}"
        yield f"| {_words(name)} | {told} | {usual} | {now} |"
    yield "\nA number is told by its median. `class mix` and `embedding` have none.\n"
    yield "## Classes\n\n![Shares of the classes](classes.png)\n"
    yield "## Numbers of the images\n\n![Distributions](numbers.png)\n"
    formats = pd.Series([line["upload"]["format"] for line in logged.lines[-WINDOW:]]).value_counts()
    yield "## Uploads\n\n| format | images |\n| --- | --- |"
    yield from (f"| {_cell(str(kind))} | {count:,} |" for kind, count in formats.items())


def _typical(name: str, reference: Reference, rows: NDArray[np.float32]) -> tuple[str, str]:
    if name not in reference.numbers:
        return "", ""
    column = reference.numbers.index(name)
    edges = reference.edges[column]
    middle = float(np.interp(0.5, np.cumsum(reference.shares[column])[:-1], edges))
    return f"{middle:.4g}", f"{np.median(rows[:, 1 + column]):.4g}"


def scores_figure(path: Path, looks: pd.DataFrame, times: Sequence[datetime]) -> None:
    """Draw the overall score and the three statistics that rose highest, over the images that came."""
    scores = looks.drop(columns="seen")
    highest = scores.max().nlargest(3).index
    with style.context(["default", STYLE]):
        figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
        axes = figure.add_subplot()
        axes.axhline(1, color=INK, linestyle="--", linewidth=1)
        axes.plot(looks["seen"], scores.max(axis=1), color=ORANGE, linewidth=2.4, label="largest of all")
        for name, line in zip(highest, ("-", "--", ":"), strict=False):
            axes.plot(looks["seen"], scores[name], line, color=BLUE, linewidth=1.3, label=_words(name))
        axes.set(xlabel="images", ylabel="score", ylim=(0, max(1.5, 1.05 * float(scores.max().max()))))
        axes.set_title(f"{times[0]:%Y-%m-%d %H:%M} to {times[-1]:%Y-%m-%d %H:%M} UTC; the line is the limit")
        axes.legend(loc="upper left", ncols=4, fontsize=8)
        _save(figure, path)


def classes_figure(path: Path, reference: Reference, rows: NDArray[np.float32]) -> None:
    """Draw the shares of the classes, the 30 commonest of both together, in the reference and now."""
    now = np.bincount(rows[:, 0].astype(int), minlength=len(reference.classes)) / len(rows)
    chosen = np.argsort(-(now + reference.class_shares), kind="stable")[:30][::-1]
    with style.context(["default", STYLE]):
        figure = Figure(figsize=(WIDTH, 1 + 0.32 * len(chosen)), layout="constrained")
        axes = figure.add_subplot()
        place = np.arange(len(chosen))
        axes.barh(
            place + 0.2, reference.class_shares[chosen], 0.38, color=FAINT, edgecolor=SOFT, label="reference"
        )
        axes.barh(place - 0.2, now[chosen], 0.38, color=BLUE, label="now")
        axes.set_yticks(place, [reference.classes[number][:24] for number in chosen])
        axes.set_xlabel("share of the images")
        axes.grid(False, axis="y")
        axes.legend(loc="lower right")
        _save(figure, path)


def numbers_figure(path: Path, reference: Reference, rows: NDArray[np.float32]) -> None:
    """Draw each number's distribution as cumulative shares, in the reference and now."""
    names = reference.numbers
    lines = -(-len(names) // 3)
    with style.context(["default", STYLE]):
        figure = Figure(figsize=(WIDTH, 2.2 * lines), layout="constrained")
        for number, name in enumerate(names):
            axes = figure.add_subplot(lines, 3, number + 1)
            values = np.sort(rows[:, 1 + number])
            below = np.cumsum(reference.shares[number])[:-1]
            axes.plot(reference.edges[number], below, color=SOFT, linewidth=2.6, label="reference")
            axes.plot(
                values, (np.arange(len(values)) + 1) / len(values), color=BLUE, linewidth=1.3, label="now"
            )
            axes.set_title(_words(name))
            axes.set_ylim(0, 1)
            if number == 0:
                axes.legend(fontsize=8)
        _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    with atomic_write(path) as file:
        figure.savefig(file, format="png", metadata={"Software": None})


def _words(name: str) -> str:
    return name.replace("_", " ")


def _cell(text: str) -> str:
    """Return a text that stays a cell of a table, whatever it is."""
    return html.escape(text, quote=False).replace("|", "\\|").replace("\n", " ")
