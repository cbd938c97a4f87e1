"""The table of the page: a row per trial, sortable by every column."""

import html
from typing import Any

import pandas as pd

from darkroom.reporting.figures.style import format_share
from darkroom.reporting.study_view import StudyView


def trials_table(view: StudyView) -> str:
    """Return the trials as an HTML table; script.js sorts it when a heading is clicked."""
    columns = list(view.trials.columns)
    headings = "".join(
        f"<th><button>{html.escape(str(column).replace('_', ' '))}</button></th>" for column in columns
    )
    rows = []
    for values in view.trials.itertuples(index=False):
        cells = "".join(_cell(column, value) for column, value in zip(columns, values, strict=True))
        number, state = values[columns.index("trial")], html.escape(str(values[columns.index("state")]))
        rows.append(f'<tr class="{state}" data-trial="{number}" tabindex="0">{cells}</tr>')
    body = "\n".join(rows)
    return f"<table><thead><tr>{headings}</tr></thead><tbody>\n{body}\n</tbody></table>"


def _cell(column: str, value: Any) -> str:
    """Return a cell whose attribute `data-value` is what it is sorted by."""
    if pd.isna(value):
        return '<td data-value=""></td>'
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    if column == "validation_accuracy":
        text = format_share(float(value), 2)
    return f'<td data-value="{html.escape(str(value))}">{html.escape(text)}</td>'
