"""Figure: the importance of each searched parameter."""

from pathlib import Path

import numpy as np

from darkroom.reporting.figures.study.blank import blank_figure
from darkroom.reporting.figures.style import PALE, WIDTH, format_share, open_png, percent_tick, shortened
from darkroom.reporting.study_view import StudyView, why_no_importances


def importances_figure(path: Path, view: StudyView) -> None:
    """Draw a bar per searched parameter: its share in the differences between trials (PED-ANOVA)."""
    if not view.importances:
        blank_figure(path, why_no_importances(view))
        return
    rows = sorted(view.importances.items(), key=lambda row: row[1])
    with open_png(path, WIDTH, 1.3 + 0.34 * len(rows)) as figure:
        axes = figure.add_subplot()
        places = np.arange(len(rows))
        axes.barh(places, [share for _, share in rows], height=0.68, color=PALE)
        for place, (_, share) in zip(places, rows, strict=True):
            axes.text(share, float(place), f" {format_share(share, 0)}", va="center_baseline")
        axes.set_yticks(places, [shortened(name, 40) for name, _ in rows])
        axes.tick_params(axis="y", length=0)
        axes.set_xlim(0, max(share for _, share in rows) * 1.1)
        axes.grid(False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_formatter(percent_tick)
        axes.set_title(f"importance of each parameter (PED-ANOVA, {len(view.of_state('complete'))} trials)")
