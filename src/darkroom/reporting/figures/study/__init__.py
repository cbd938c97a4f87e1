"""Figures of a study, a file each: what its trials reached, which parameters mattered, which values are good.

`FIGURES` has them by the name of the file that the stage `study` writes.
"""

from collections.abc import Callable
from pathlib import Path

from darkroom.reporting.figures.study.blank import blank_figure
from darkroom.reporting.figures.study.curves import curves_figure
from darkroom.reporting.figures.study.history import history_figure
from darkroom.reporting.figures.study.importances import importances_figure
from darkroom.reporting.figures.study.parallel import parallel_figure
from darkroom.reporting.figures.study.slices import study_slices_figure
from darkroom.reporting.study_view import StudyView

FIGURES: dict[str, Callable[[Path, StudyView], None]] = {
    "tune_history.png": history_figure,
    "tune_curves.png": curves_figure,
    "tune_importances.png": importances_figure,
    "tune_parallel.png": parallel_figure,
    "tune_slices.png": study_slices_figure,
}


def study_figures(folder: Path, view: StudyView) -> list[Path]:
    """Draw all figures of a study into `folder` and return their paths."""
    for name, draw in FIGURES.items():
        draw(folder / name, view)
    return [folder / name for name in FIGURES]


def blank_figures(folder: Path, text: str) -> list[Path]:
    """Write `text` in the place of each of a study's figures into `folder` and return their paths."""
    for name in FIGURES:
        blank_figure(folder / name, text)
    return [folder / name for name in FIGURES]
