"""The page as an HTML document."""

import html
from pathlib import Path

from darkroom.reporting.document import document
from darkroom.reporting.study_page.charts import (
    curves_chart,
    history_chart,
    importances_chart,
    parallel_chart,
    slice_charts,
)
from darkroom.reporting.study_page.trials_table import trials_table
from darkroom.reporting.study_view import StudyView


def study_page(view: StudyView, *, title: str) -> str:
    """Return the page of a study: its charts, and its trials as a table; `title` is plain text."""
    body = f"""<h1>{html.escape(title)}</h1>
<p>{html.escape(view.summary())}.
<label><input type="checkbox" id="pruned" checked> show pruned trials</label></p>
<div id="trial-details" aria-live="polite">Point at a trial to see it in every chart.</div>
<h2>History</h2>
{history_chart(view)}
<h2>Learning curves</h2>
<p>The numbers above count the trials that reached the epoch.</p>
{curves_chart(view)}
<h2>Importances</h2>
{importances_chart(view)}
<h2>Parallel coordinates</h2>
<p>Each line is a trial, through its parameters to its accuracy.</p>
{parallel_chart(view)}
<h2>Slices</h2>
<p>Accuracy against each parameter.</p>
<div class="small">
{slice_charts(view)}
</div>
<h2>Trials</h2>
<div class="wide">
{trials_table(view)}
</div>"""
    return document(title, body, style=_read("style.css"), script=_read("script.js"))


def message_page(message: str, *, title: str) -> str:
    """Return a page with a sentence instead of a study; both are plain text."""
    body = f"<h1>{html.escape(title)}</h1>\n<p>{html.escape(message)}.</p>"
    return document(title, body, style=_read("style.css"))


def _read(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")
