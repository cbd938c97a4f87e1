"""The report on drift: a prediction log compared with a model's reference, as one HTML page with figures."""

import html
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.reporting.card_page import card_page
from darkroom.reporting.drift_log import LoggedPredictions, read_log
from darkroom.reporting.figures.drift import (
    drift_classes_figure,
    drift_features_figure,
    drift_scores_figure,
)
from darkroom.serving.monitoring.drift_score import CHECK_EVERY, MIN_IMAGES, WINDOW
from darkroom.serving.monitoring.reference import Reference
from darkroom.serving.monitoring.thresholds import STREAM_LENGTH

MAX_CHECKS = 400  # of a long log; the figure has no room for more


@dataclass(frozen=True)
class DriftFindings:
    """What a prediction log shows against a reference.

    Attributes:
        log: the predictions.
        history: the scores at each check, as `score_history` returns them.
        scores: of the last `WINDOW` images, by statistic.
    """

    log: LoggedPredictions
    history: pd.DataFrame
    scores: dict[str, float]

    @property
    def recent(self) -> NDArray[np.float32]:
        """Rows of the last `WINDOW` images."""
        return self.log.rows[-WINDOW:]

    @property
    def alarms(self) -> "pd.Series[int]":
        """Numbers of images after which a check raised an alarm."""
        return self.history["seen"][self.history.drop(columns="seen").max(axis=1) >= 1]

    @property
    def verdict(self) -> str:
        """A sentence on the last `WINDOW` images."""
        name, highest = max(self.scores.items(), key=lambda item: item[1])
        judged = "have drifted" if highest >= 1 else "have not drifted"
        return (
            f"The last {len(self.recent):,} images {judged}: the largest score is {highest:.2f} "
            f"({_words(name)}), and 1 is the limit."
        )


def drift_page(folder: Path, reference: Reference, *, version: str | None = None) -> tuple[str, str]:
    """Return the page for the prediction log in `folder`, and a sentence with the verdict.

    Args:
        folder: that DARKROOM_LOG named.
        reference: of the model.
        version: of the model; None is that of the log's newest line.

    Raises:
        DriftError: there is nothing to report on.
    """
    log = read_log(folder, reference, version=version)
    findings = DriftFindings(log, score_history(reference, log.rows), reference.scores(log.rows[-WINDOW:]))
    with tempfile.TemporaryDirectory() as scratch:
        figures = Path(scratch)
        times = [log.times[seen - 1] for seen in findings.history["seen"]]
        drift_scores_figure(figures / "scores.png", findings.history, times)
        drift_classes_figure(figures / "classes.png", reference, findings.recent)
        drift_features_figure(figures / "features.png", reference, findings.recent)
        text = "\n".join(_text(reference, findings))
        title = f"Drift: {log.lines[-1]['model']['name']}"
        return card_page(text, folder=figures, title=title), findings.verdict


def score_history(reference: Reference, rows: NDArray[np.float32]) -> pd.DataFrame:
    """Return the scores at each check of rows `[N, columns]`: `seen` images until then, and the statistics.

    The checks are those of the service; a log with more than `MAX_CHECKS` of them is checked less often.
    """
    step = CHECK_EVERY * max(1, -(-len(rows) // (CHECK_EVERY * MAX_CHECKS)))
    ends = range(max(MIN_IMAGES, step), len(rows) + 1, step)
    return pd.DataFrame([{"seen": end, **reference.scores(rows[max(0, end - WINDOW) : end])} for end in ends])


def _text(reference: Reference, findings: DriftFindings) -> Iterator[str]:
    """Yield the page as Markdown."""
    log, alarms = findings.log, findings.alarms
    model = log.lines[-1]["model"]
    yield f"# Drift: {_cell(model['name'])}, version {_cell(model['version'])}\n"
    yield f"{findings.verdict}\n"
    yield "| | |\n| --- | --- |"
    yield f"| images in the log | {len(log.rows):,} |"
    yield f"| from | {log.times[0]:%Y-%m-%d %H:%M} to {log.times[-1]:%Y-%m-%d %H:%M} UTC |"
    yield f"| reference | {reference.images:,} images that the model was not trained on |"
    yield f"| checks with an alarm | {len(alarms):,} of {len(findings.history):,} |"
    if len(alarms):
        first = int(alarms.iloc[0])
        yield f"| first alarm | after image {first:,}, {log.times[first - 1]:%Y-%m-%d %H:%M} UTC |"
    for reason, count in log.left_out.items():
        yield f"| left out | {count:,} lines {_cell(reason)} |"
    yield "\n## Scores over time\n"
    yield (
        f"Each check compares the last {WINDOW} images with the reference. A score of 1 is the limit: of a "
        f"hundred streams of {STREAM_LENGTH:,} unshifted images, one reaches it in any statistic.\n"
    )
    yield "![Scores over time](scores.png)\n"
    yield f"## The last {len(findings.recent):,} images\n"
    yield "| statistic | score | reference | now |\n| --- | --- | --- | --- |"
    for name, score in sorted(findings.scores.items(), key=lambda item: -item[1]):
        before, now = _medians(name, reference, findings.recent)
        shown = f"**{score:.2f}**" if score >= 1 else f"{score:.2f}"
        yield f"| {_words(name)} | {shown} | {before} | {now} |"
    yield "\nReference and now are medians. `class mix` and `embedding` have none.\n"
    yield "## Classes\n\n![Shares of the classes](classes.png)\n"
    yield "## Features of the images\n\n![Distributions](features.png)\n"
    formats = pd.Series([line["upload"]["format"] for line in log.lines[-WINDOW:]]).value_counts()
    yield "## Uploads\n\n| format | images |\n| --- | --- |"
    yield from (f"| {_cell(str(kind))} | {count:,} |" for kind, count in formats.items())


def _medians(name: str, reference: Reference, rows: NDArray[np.float32]) -> tuple[str, str]:
    """Return a feature's median in the reference and now; empty for other statistics."""
    if name not in reference.features:
        return "", ""
    column = reference.features.index(name)
    cumulative = np.cumsum(reference.shares[column])[:-1]
    before = float(np.interp(0.5, cumulative, reference.edges[column]))
    return f"{before:.4g}", f"{np.median(rows[:, 1 + column]):.4g}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _cell(text: str) -> str:
    """Return a text escaped so that it stays inside its table cell."""
    return html.escape(text, quote=False).replace("|", "\\|").replace("\n", " ")
