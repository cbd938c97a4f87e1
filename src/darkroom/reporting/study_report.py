"""A study as a page: one HTML file whose charts answer the pointer, which asks nobody for anything.

A trial under the pointer, or chosen by the keyboard in the table, is marked in every chart. plotly, which
Optuna's own interactive charts need, would put 4.6 MB of script into each page; here are some 60 lines.
"""

import base64
import hashlib
import html
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.files import write_table, write_text
from darkroom.reporting.figures.study import blank_figures, study_figures
from darkroom.reporting.figures.style import format_share
from darkroom.reporting.study_view import (
    WITHOUT,
    StudyView,
    accuracy_floor,
    accuracy_places,
    accuracy_ticks,
    axis_places,
    axis_ticks,
    no_importances,
    rungs,
)

WIDE, TALL = 760, 300  # of a chart, in the SVG's units
LEFT, RIGHT, TOP, FOOT = 54, 14, 22, 34  # its margins
NOTHING = "nothing was searched: tune.trials is 0"
WORDS = {
    "complete": "to its end",
    "pruned": "pruned",
    "fail": "failed",
    "running": "running",
    "waiting": "waiting",
}
STYLE = """
:root {
  color-scheme: light dark;
  --ground: #ffffff; --line: #e1e5ea; --ink: #22272e; --soft: #66707c; --blue: #0072b2; --pale: #8fc1e0;
  --mark: #d55e00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #15191e; --line: #303842; --ink: #e6eaee; --soft: #9aa5b1; --blue: #56b4e9; --pale: #2f6f99;
    --mark: #ff8a3d;
  }
}
* { box-sizing: border-box; }
html { background: var(--ground); }
body {
  max-width: 820px; margin: 0 auto; padding: 28px 20px 60px; color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
h1 { margin: 0 0 6px; font-size: 26px; }
h2 { margin: 34px 0 8px; font-size: 18px; }
p { margin: 0 0 10px; }
label { user-select: none; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { font-size: 11px; fill: var(--ink); }
svg .soft { fill: var(--soft); }
.grid { stroke: var(--line); }
.axis, .rung { stroke: var(--soft); }
.rung { stroke-dasharray: 2 3; }
.bar { fill: var(--pale); }
.trial { stroke: var(--blue); fill: none; stroke-width: 1.5; }
.trial.dot { fill: var(--blue); stroke: var(--blue); }
.pruned { stroke: var(--soft); }
.pruned.dot { fill: var(--ground); stroke: var(--soft); }
.failed.dot { fill: var(--mark); stroke: var(--mark); }
.best { fill: none; stroke: var(--ink); stroke-width: 1.5; }
.line { opacity: 0.4; }
.hit { stroke: transparent; stroke-width: 9; fill: none; }
.on { opacity: 1; stroke: var(--mark); stroke-width: 3; }
.on.dot { fill: var(--mark); }
.no-pruned .pruned { display: none; }
.small { display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr)); gap: 14px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 12px 4px 0; text-align: left; white-space: nowrap; }
tr { border-bottom: 1px solid var(--line); }
th button { all: unset; cursor: pointer; color: var(--soft); font-weight: 600; }
tbody tr:hover, tbody tr.on { background: color-mix(in srgb, var(--mark) 18%, transparent); }
:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px; }
#told { position: sticky; top: 0; min-height: 46px; padding: 6px 0; background: var(--ground); z-index: 1; }
"""
SCRIPT = """
"use strict";
const rows = new Map([...document.querySelectorAll("tbody tr")].map(row => [row.dataset.trial, row]));
const heads = [...document.querySelectorAll("th")].map(head => head.textContent);
const told = document.getElementById("told"), hint = told.textContent;
let chosen = null;
function show(trial) {
  if (trial === chosen) return;
  for (const old of document.querySelectorAll(".on")) old.classList.remove("on");
  chosen = trial;
  if (trial === null) { told.textContent = hint; return; }
  for (const mark of document.querySelectorAll(`[data-trial="${trial}"]:not(.hit)`)) mark.classList.add("on");
  const cells = [...rows.get(trial).cells].map(cell => cell.textContent);
  told.textContent = heads.map((head, place) => [head, cells[place]]).filter(pair => pair[1])
    .map(pair => pair.join(" ")).join(" · ");
}
document.addEventListener("pointerover", event => {
  const mark = event.target.closest("[data-trial]");
  show(mark ? mark.dataset.trial : null);
});
document.addEventListener("focusin", event => {
  const row = event.target.closest("tr[data-trial]");
  if (row) show(row.dataset.trial);
});
document.getElementById("pruned").addEventListener("change", event => {
  document.body.classList.toggle("no-pruned", !event.target.checked);
});
document.querySelectorAll("th button").forEach((button, place) => button.addEventListener("click", () => {
  const body = document.querySelector("tbody"), head = button.parentElement;
  const up = head.getAttribute("aria-sort") !== "ascending";
  for (const other of document.querySelectorAll("th")) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const key = row => row.cells[place].dataset.value ?? "";
  const number = [...rows.values()].every(row => key(row) === "" || !isNaN(key(row)));
  const sorted = [...rows.values()].sort((one, other) => {
    const a = key(one), b = key(other);
    if (a === "" || b === "") return (a === "") - (b === "");
    return (number ? a - b : a.localeCompare(b)) * (up ? 1 : -1);
  });
  body.append(...sorted);
}));
"""


def write_study(folder: Path, view: StudyView | None, *, title: str) -> list[Path]:
    """Write a study's images, its page and the tables behind them into `folder`; return their paths.

    Without a view, where nothing was searched, they say so.
    """
    page, curves, importances = (
        folder / name for name in ("study.html", "tune_curves.csv", "tune_importances.csv")
    )
    if view is None:
        drawn = blank_figures(folder, NOTHING)
        write_text(page, _document(title, f"<h1>{html.escape(title)}</h1>\n<p>{NOTHING}.</p>"))
        write_text(curves, "trial,epoch,validation_accuracy\n")
        write_text(importances, "value,importance\n")
    else:
        drawn = study_figures(folder, view)
        write_text(page, study_page(view, title=title))
        write_table(curves, view.curves)
        write_table(importances, pd.DataFrame(view.importances.items(), columns=["value", "importance"]))
    return [*drawn, page, curves, importances]


def study_page(view: StudyView, *, title: str) -> str:
    """Return the study as one HTML file: its charts, and its trials as a table that can be sorted.

    Args:
        view: what is shown.
        title: of the page, plain text.
    """
    marks = [_Mark(view, place) for place in range(len(view.trials))]
    floor, top = accuracy_floor(view), float(view.trials["validation_accuracy"].max())
    return _document(
        title,
        f"""<h1>{html.escape(title)}</h1>
<p>{html.escape(view.summary())}.
<label><input type="checkbox" id="pruned" checked> show those that were pruned</label></p>
<div id="told" aria-live="polite">Point at a trial to see it in every chart.</div>
<h2>History</h2>
{_history(view, marks, floor, top)}
<h2>Learning curves</h2>
<p>Above, how many trials came so far.</p>
{_curves(view, marks)}
<h2>Importances</h2>
{_importances(view)}
<h2>Values</h2>
<p>Each line is a trial, through its values to its accuracy.</p>
{_parallel(view, marks, floor, top)}
<h2>Each value by itself</h2>
<div class="small">
{_slices(view, marks, floor, top)}
</div>
<h2>Trials</h2>
<div class="wide">
{_table(view)}
</div>
<script>{SCRIPT}</script>""",
    )


def _document(title: str, body: str) -> str:
    """Return a page that loads nothing and runs no script but ours."""
    ours = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{ours}'"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}; base-uri 'none'; form-action 'none'">
<title>{html.escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
{body}
</body>
</html>
"""


class _Mark:
    """How a trial is drawn: the attributes that tie its marks together."""

    def __init__(self, view: StudyView, place: int) -> None:
        row = view.trials.iloc[place]
        self.number, self.state = int(row["trial"]), str(row["state"])
        self.tie = f'data-trial="{self.number}"'

    def dot(self, x: float, y: float) -> str:
        return f'<circle class="trial dot {self.state}" {self.tie} cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'

    def line(self, xs: Sequence[float], ys: Sequence[float]) -> str:
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
        return (  # the second, wide and invisible, is easier to point at
            f'<polyline class="trial line {self.state}" {self.tie} points="{points}"/>'
            f'<polyline class="hit {self.state}" {self.tie} points="{points}"/>'
        )


def _history(view: StudyView, marks: Sequence[_Mark], floor: float, top: float) -> str:
    numbers = view.trials["trial"].to_numpy(float)
    xs = _spread(numbers, float(numbers.min()), float(numbers.max()))
    heights = accuracy_places(view.trials["validation_accuracy"].to_numpy(float), floor, top)
    parts = [_accuracy_grid(floor, top)]
    parts += [_label(_x(x), TALL - FOOT + 16, f"{number:g}") for number, x in _some(numbers, xs)]
    best, path = -np.inf, ""
    for place, mark in enumerate(marks):
        if mark.state == "complete" and heights[place] > best:
            at = f"{_x(xs[place]):.1f}"
            path += f"M{at},{_y(heights[place]):.1f}" if not path else f"H{at}V{_y(heights[place]):.1f}"
            best = heights[place]
    parts.append(f'<path class="best" d="{path}{f"H{_x(1):.1f}" if path else ""}"/>')
    parts += [mark.dot(_x(x), _y(0 if np.isnan(height) else height))
              for mark, x, height in zip(marks, xs, heights, strict=True)
              if not np.isnan(height) or mark.state == "failed"]  # fmt: skip
    return _svg(parts, "best validation accuracy so far, trial by trial")


def _curves(view: StudyView, marks: Sequence[_Mark]) -> str:
    curves = view.curves
    if curves.empty:
        return "<p>No trial came to the end of an epoch.</p>"
    last = int(curves["epoch"].max())
    low, high = float(curves["validation_accuracy"].min()), float(curves["validation_accuracy"].max())
    parts = [_accuracy_grid(low, high)]
    for epoch, count in rungs(curves).items():
        x = _x(_spread(np.array([epoch]), 1, last)[0])
        parts.append(f'<line class="rung" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{TALL - FOOT}"/>')
        parts.append(_label(x, TOP - 8, str(count), soft=True))
        parts.append(_label(x, TALL - FOOT + 16, str(epoch)))
    for mark in marks:
        mine = curves[curves["trial"] == mark.number]
        if mine.empty:
            continue
        xs = [_x(x) for x in _spread(mine["epoch"].to_numpy(float), 1, last)]
        ys = [_y(y) for y in accuracy_places(mine["validation_accuracy"].to_numpy(float), low, high)]
        parts += [mark.line(xs, ys), mark.dot(xs[-1], ys[-1])]
    return _svg(parts, "validation accuracy of each trial, epoch by epoch")


def _importances(view: StudyView) -> str:
    if not view.importances:
        return f"<p>{html.escape(no_importances(view))}.</p>"
    longest, parts = max(view.importances.values()), []
    for place, (name, share) in enumerate(view.importances.items()):
        y, wide = 4 + 24 * place, (WIDE - 280) * share / longest
        parts.append(_label(200, y + 13, name, anchor="end"))
        parts.append(f'<rect class="bar" x="208" y="{y}" width="{wide:.1f}" height="18"/>')
        parts.append(_label(214 + wide, y + 13, format_share(share, 0), anchor="start"))
    return _svg(parts, "share of each value in what made trials differ", tall=8 + 24 * len(view.importances))


def _parallel(view: StudyView, marks: Sequence[_Mark], floor: float, top: float) -> str:
    names = list(view.leaves)
    places = np.stack([axis_places(view.leaves[name], view.trials[name]) for name in names], axis=1)
    heights = accuracy_places(view.trials["validation_accuracy"].to_numpy(float), floor, top)
    lines = np.concatenate([np.where(np.isnan(places), WITHOUT, places), heights[:, None]], axis=1)
    wide = max(WIDE, 105 * (len(names) + 1))
    xs = [64 + (wide - 164) * place / len(names) for place in range(len(names) + 1)]
    parts = [
        mark.line(xs, [_y(y) for y in line])
        for mark, line in zip(marks, lines, strict=True)
        if not np.isnan(line[-1])
    ]
    for place, name in enumerate([*names, "validation accuracy"]):
        x = xs[place]
        parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{_y(0)}" y2="{_y(1)}"/>')
        parts.append(_label(x, 8 if place % 2 else 20, name))
        if place < len(names):
            ticks = axis_ticks(view.leaves[name])
            if np.isnan(places[:, place]).any():
                ticks.append((WITHOUT, "without"))
        else:
            ticks = _accuracy_ticks(floor, top)
        parts += [_label(x + 4, _y(at) + 4, text, anchor="start", soft=True) for at, text in ticks]
    drawn = _svg(parts, "values and accuracy of each trial", wide=wide, tall=TALL + 16, top=-6)
    return f'<div class="wide">{drawn}</div>'


def _slices(view: StudyView, marks: Sequence[_Mark], floor: float, top: float) -> str:
    heights = accuracy_places(view.trials["validation_accuracy"].to_numpy(float), floor, top)
    charts = []
    for name, leaf in view.leaves.items():
        xs = axis_places(leaf, view.trials[name])
        parts = [_accuracy_grid(floor, top, wide=300)]
        parts += [_label(_x(at, 300), TALL - FOOT + 16, text) for at, text in axis_ticks(leaf)]
        parts.append(_label(LEFT, 10, name, anchor="start"))
        parts += [mark.dot(_x(x, 300), _y(0 if np.isnan(height) else height))
                  for mark, x, height in zip(marks, xs, heights, strict=True)
                  if not np.isnan(x) and (not np.isnan(height) or mark.state == "failed")]  # fmt: skip
        charts.append(_svg(parts, f"validation accuracy against {name}", wide=300))
    return "\n".join(charts)


def _table(view: StudyView) -> str:
    columns = list(view.trials.columns)
    heads = "".join(
        f"<th><button>{html.escape(str(column).replace('_', ' '))}</button></th>" for column in columns
    )
    rows = []
    for values in view.trials.itertuples(index=False):
        state = WORDS.get(values[columns.index("state")], "")
        cells = "".join(_cell(column, value, state) for column, value in zip(columns, values, strict=True))
        number, kind = values[columns.index("trial")], html.escape(str(values[columns.index("state")]))
        rows.append(f'<tr class="{kind}" data-trial="{number}" tabindex="0">{cells}</tr>')
    return f"<table><thead><tr>{heads}</tr></thead><tbody>\n" + "\n".join(rows) + "\n</tbody></table>"


def _cell(column: str, value: Any, state: str) -> str:
    if pd.isna(value):
        return '<td data-value=""></td>'
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    if column == "validation_accuracy":
        text = format_share(float(value), 2)
    elif column == "state":
        text = state or text
    return f'<td data-value="{html.escape(str(value))}">{html.escape(text)}</td>'


def _accuracy_ticks(floor: float, top: float) -> list[tuple[float, str]]:
    values = accuracy_ticks(floor, top)
    places = accuracy_places(np.array(values), floor, top)
    return [(float(at), f"{100 * value:.3g} %") for at, value in zip(places, values, strict=True)]


def _accuracy_grid(floor: float, top: float, *, wide: int = WIDE) -> str:
    return "".join(
        f'<line class="grid" x1="{LEFT - 8}" x2="{wide - RIGHT}" y1="{_y(at):.1f}" y2="{_y(at):.1f}"/>'
        + _label(LEFT - 12, _y(at) + 4, text, anchor="end", soft=True)
        for at, text in _accuracy_ticks(floor, top)
    )


def _spread(values: NDArray[Any], low: float, high: float) -> NDArray[np.float64]:
    """Return where `values` lie between low (0) and high (1); 0.5 where these are the same."""
    return (
        np.full(len(values), 0.5) if low == high else np.asarray((values - low) / (high - low), dtype=float)
    )


def _some(numbers: NDArray[np.float64], xs: NDArray[np.float64]) -> Iterable[tuple[float, float]]:
    """Return about ten of the trials' numbers with their places."""
    every = max(1, -(-len(numbers) // 10))
    return zip(numbers[::every], xs[::every], strict=True)


def _x(place: float, wide: int = WIDE) -> float:
    return LEFT + (wide - LEFT - RIGHT) * place


def _y(place: float) -> float:
    return TOP + (TALL - TOP - FOOT) * (1 - place)


def _label(x: float, y: float, text: str, *, anchor: str = "middle", soft: bool = False) -> str:
    look = ' class="soft"' if soft else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{look}>{html.escape(text)}</text>'


def _svg(parts: Iterable[str], told: str, *, wide: int = WIDE, tall: int = TALL, top: int = 0) -> str:
    size = f'viewBox="0 {top} {wide} {tall}"'
    if wide > WIDE:  # it is scrolled, its text stays readable
        size += f' style="min-width: {wide}px"'
    return f'<svg {size} role="img" aria-label="{html.escape(told)}">' + "".join(parts) + "</svg>"
