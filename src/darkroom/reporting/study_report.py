"""The report on a study: figures, a page, and the tables behind them."""

from pathlib import Path

import pandas as pd

from darkroom.files import write_table, write_text
from darkroom.reporting.figures.study import blank_figures, study_figures
from darkroom.reporting.study_page.document import message_page, study_page
from darkroom.reporting.study_view import StudyView

NOTHING_SEARCHED = "nothing was searched: tune.trials is 0"


def write_study(folder: Path, view: StudyView | None, *, title: str) -> list[Path]:
    """Write a study's figures, its page, and the tables behind them into `folder`; return their paths.

    Without a view, if nothing was searched, the figures and the page say so and the tables are empty.
    """
    if view is None:
        figures = blank_figures(folder, NOTHING_SEARCHED)
        page = message_page(NOTHING_SEARCHED, title=title)
        curves = pd.DataFrame(columns=["trial", "epoch", "validation_accuracy"])
        importances = pd.DataFrame(columns=["value", "importance"])
    else:
        figures = study_figures(folder, view)
        page = study_page(view, title=title)
        curves = view.curves
        importances = pd.DataFrame(view.importances.items(), columns=["value", "importance"])
    write_text(folder / "study.html", page)
    write_table(folder / "tune_curves.csv", curves)
    write_table(folder / "tune_importances.csv", importances)
    return [*figures, *(folder / name for name in ("study.html", "tune_curves.csv", "tune_importances.csv"))]
