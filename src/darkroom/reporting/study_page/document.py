"""The page as an HTML document."""

import base64
import hashlib
import html
from pathlib import Path

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
    return _document(
        title,
        f"""<h1>{html.escape(title)}</h1>
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
</div>
<script>{_read("script.js")}</script>""",
    )


def message_page(message: str, *, title: str) -> str:
    """Return a page with a sentence instead of a study; both are plain text."""
    return _document(title, f"<h1>{html.escape(title)}</h1>\n<p>{html.escape(message)}.</p>")


def _document(title: str, body: str) -> str:
    """Return an HTML document whose policy lets it load nothing and run no script but script.js."""
    script = base64.b64encode(hashlib.sha256(_read("script.js").encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{script}'"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}; base-uri 'none'; form-action 'none'">
<title>{html.escape(title)}</title>
<style>{_read("style.css")}</style>
</head>
<body>
{body}
</body>
</html>
"""


def _read(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")
