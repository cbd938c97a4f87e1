"""The table, the statement and the figure of the tuning benchmark."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import style
from matplotlib.figure import Figure

from benchmarks.tuning_statistics import (
    best_at,
    epochs_of,
    expected_best,
    mean_reaches,
    pool_best,
    random_edges,
    trace,
)
from darkroom.files import atomic_write
from darkroom.reporting.figures.style import DEEP, ORANGE, PALE, SOFT, STYLE, percent_tick


def table(summary: Mapping[str, Any]) -> str:
    """Return a Markdown table: a row per amount of compute, a column per search."""
    names = list(dict.fromkeys(row["search"] for row in summary["rows"]))
    lines = [f"| compute, full trials | {' | '.join(names)} |", f"| --- |{' --- |' * len(names)}"]
    for level in sorted({row["compute"] for row in summary["rows"]}):
        cells = []
        for name in names:
            row = next(
                (row for row in summary["rows"] if (row["search"], row["compute"]) == (name, level)), None
            )
            cells.append(f"{row['accuracy']:.2%} ({row['low']:.2%} to {row['high']:.2%})" if row else "")
        lines.append(f"| {level:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


def statement(summary: Mapping[str, Any]) -> str:
    """Return at which share of random search's compute each search reached what random search found."""
    lines = []
    for ratio in summary["ratios"]:
        high = (
            f"{ratio['high']:.2f}"
            if ratio["high"] is not None
            else f"more than {ratio['budget'] / summary['length']:.2f}"
        )
        reached = (
            f"reaches the {summary['target']:.2%} of a random search of {summary['length']} full trials at "
            f"{ratio['ratio']:.2f} of its compute (95 % interval {ratio['low']:.2f} to {high})"
            if ratio["ratio"] is not None and ratio["low"] is not None
            else f"does not reach {summary['target']:.2%} within {ratio['budget']:.0f} full trials"
        )
        lines.append(f"{ratio['search']} {reached}; {_seeds_statement(ratio)}.")
        if ratio["again"] is not None and summary["random_again"] is not None:
            lines.append(
                f"Its winners at a quarter of the compute, trained anew: {ratio['again']:.2%} of "
                f"unseen images; those of the full random search {summary['random_again']:.2%}."
            )
    return "\n".join(lines)


def _seeds_statement(ratio: Mapping[str, Any]) -> str:
    known = sorted(each for each in ratio["each_seed"] if each is not None)
    if not known:
        return f"nor does one of its {ratio['seeds']} seeds"
    return f"{len(known)} of its {ratio['seeds']} seeds do, at {known[0]:.2f} to {known[-1]:.2f}"


def draw(path: Path, results: Mapping[str, Any], *, length: int) -> None:
    """Draw the best validation accuracy against compute: random search, each seed of ours, their means."""
    best, epochs = pool_best(results), epochs_of(results)
    with style.context(STYLE, after_reset=True):
        figure = Figure(figsize=(8.0, 4.2), layout="constrained")
        axes = figure.subplots()
        along = np.arange(1, length + 1)
        axes.plot(along, [expected_best(best, int(number)) for number in along], "--", color=ORANGE,
                  label="random search, full trials: mean")  # fmt: skip
        low, high = np.array([random_edges(best, int(number)) for number in along]).T
        axes.fill_between(
            along, low, high, color=ORANGE, alpha=0.12, linewidth=0, label="80 % of random searches"
        )
        runs = [run for run in results["searches"] if run["name"] == results["ours"]]
        for number, run in enumerate(runs):
            spent, seen = trace(run, epochs)
            axes.step(spent, np.where(seen > 0, seen, np.nan), where="post", color=PALE, linewidth=1.1,
                      label="ours: each seed" if number == 0 else None)  # fmt: skip
        target = expected_best(best, length)
        if runs:
            until = min(float(trace(run, epochs)[0][-1]) for run in runs)
            grid = np.linspace(1, until, 400)
            mean = [np.mean([best_at(run, epochs, float(at)) for run in runs]) for at in grid]
            axes.step(grid, mean, where="post", color=DEEP, linewidth=2.4, label="ours: mean")
            at = mean_reaches(runs, epochs, target)
            if np.isfinite(at):
                axes.plot([at, length], [target, target], color=SOFT, linewidth=1, linestyle=(0, (2, 2)))
                axes.plot([at], [target], "D", color=DEEP, markersize=7)
                axes.annotate(f"{at / length:.2f} of the compute", (at, target), xytext=(0.3, 0.94),
                              textcoords="axes fraction", color=DEEP, fontweight="bold",
                              arrowprops={"arrowstyle": "-", "color": DEEP})  # fmt: skip
        axes.axvline(length / 4, color=SOFT, linewidth=1, linestyle=(0, (2, 2)))
        axes.annotate("a quarter", (length / 4, 0), xycoords=("data", "axes fraction"), xytext=(4, 6),
                      textcoords="offset points", fontsize=9, color=SOFT)  # fmt: skip
        axes.set_xlim(0, length)
        axes.set_ylim(bottom=expected_best(best, 2))
        axes.yaxis.set_major_formatter(percent_tick)
        axes.set_xlabel("compute: images trained, in full trials")
        axes.set_title("best validation accuracy found")
        figure.legend(loc="outside lower center", ncols=2)
        with atomic_write(path) as file:
            figure.savefig(file, format="png", metadata={"Software": None})
