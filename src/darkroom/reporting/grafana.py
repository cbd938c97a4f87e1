"""The Grafana dashboard's panels, drawn from what Prometheus knows.

Run as `python -m darkroom.reporting.grafana --png FILE`.
For a report, or where there is no Grafana. The queries are those of deploy/monitoring/dashboard.json; Grafana
draws them more finely, and lets one choose.
"""

import argparse
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import requests
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from darkroom.files import atomic_write
from darkroom.reporting.figures.style import BLUE, INK, ORANGE, SOFT, STYLE

ROOT = Path(__file__).resolve().parents[3]
DASHBOARD = ROOT / "deploy/monitoring/dashboard.json"
POINTS = 240  # along a panel
COLUMNS = 24  # of Grafana's grid
COLORS = (BLUE, ORANGE, "#009e73", "#cc79a7", "#56b4e9", "#e69f00", INK, SOFT)  # Okabe and Ito's, and greys
UNITS = {"s": "seconds", "reqps": "a second", "percentunit": "share"}
Series = dict[str, list[tuple[float, float]]]  # by legend


def main() -> None:
    """Draw the image."""
    parser = argparse.ArgumentParser(prog="python -m darkroom.reporting.grafana", description=__doc__)
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090", help="its address (%(default)s)")
    parser.add_argument("--minutes", type=float, default=360, help="until now (default %(default)s)")
    parser.add_argument("--png", type=Path, required=True, help="where the image is written")
    options = parser.parse_args()
    end = time.time()
    try:
        draw_dashboard(options.png, options.prometheus, start=end - 60 * options.minutes, end=end)
    except requests.RequestException as error:
        raise SystemExit(f"{options.prometheus} does not answer as Prometheus does ({error})") from error


def draw_dashboard(
    path: Path, prometheus: str, *, start: float, end: float, dashboard: Path = DASHBOARD, rate: str = "1m"
) -> None:
    """Draw all panels of `dashboard` from `start` to `end` (seconds since 1970), with rates over `rate`.

    Raises requests.RequestException where Prometheus does not answer.
    """
    panels = json.loads(dashboard.read_text(encoding="utf-8"))["panels"]
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    with style.context(["default", STYLE, {"font.size": 8, "axes.titlesize": 9}]):
        figure = Figure(figsize=(14, 0.42 * height))
        for panel in panels:
            axes = figure.add_axes(_inside(panel["gridPos"], height))
            found: Series = {}
            for target in panel["targets"]:
                found |= query_range(prometheus, target, start=start, end=end, rate=rate)
            axes.set_title(panel["title"])
            (_draw_number if panel["type"] == "stat" else _draw_lines)(axes, panel, found)
        with atomic_write(path) as file:
            figure.savefig(file, format="png", dpi=110, metadata={"Software": None})


def _inside(place: dict[str, int], height: int) -> tuple[float, float, float, float]:
    """Return left, bottom, width and height of a panel's axes, in shares of the figure, with room around."""
    left, width = place["x"] + 1.0, place["w"] - 1.5
    bottom, tall = height - place["y"] - place["h"] + 1.0, place["h"] - 2.2
    return left / COLUMNS, bottom / height, width / COLUMNS, tall / height


def query_range(prometheus: str, target: dict[str, Any], *, start: float, end: float, rate: str) -> Series:
    """Return what Prometheus answers to a panel's query: times and values by legend."""
    query = target["expr"].replace("$__rate_interval", rate).replace("$instance", ".*")
    parameters: dict[str, Any] = {"query": query, "start": start, "end": end}
    parameters["step"] = max(1.0, (end - start) / POINTS)
    answer = requests.get(f"{prometheus}/api/v1/query_range", params=parameters, timeout=30)
    answer.raise_for_status()
    found: Series = {}
    for series in answer.json()["data"]["result"]:
        legend = target["legendFormat"]
        for name, value in series["metric"].items():
            legend = legend.replace("{{" + name + "}}", value)
        found[legend] = [(float(when), float(value)) for when, value in series["values"] if value != "NaN"]
    return found


def _draw_number(axes: Axes, panel: dict[str, Any], found: Series) -> None:
    axes.axis("off")
    lasting = {legend: points[-1] for legend, points in found.items() if points}
    newest = max((when for when, _ in lasting.values()), default=0.0)
    values = {legend: value for legend, (when, value) in lasting.items() if when == newest}
    if panel["options"]["textMode"] == "name":
        said = "\n".join(values) or "none"
    elif panel["fieldConfig"]["defaults"]["unit"] == "percentunit":
        said = ", ".join(f"{value:.1%}" for value in values.values()) or "none"
    else:
        said = ", ".join(f"{value:,.2f}".removesuffix(".00") for value in values.values()) or "none"
    axes.text(0, 0.5, said, fontsize=15 if len(said) < 12 else 11, va="center")


def _draw_lines(axes: Axes, panel: dict[str, Any], found: Series) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    drawn = {legend: points for legend, points in found.items() if any(value for _, value in points)}
    for number, (legend, points) in enumerate(sorted(drawn.items())):
        times = [datetime.fromtimestamp(when, UTC) for when, _ in points]
        dashes = ("-", "--", ":")[number // len(COLORS) % 3]
        color = COLORS[number % len(COLORS)]
        axes.plot(
            np.array(times), [value for _, value in points], dashes, color=color, linewidth=1.4, label=legend
        )
    if "thresholds" in defaults:
        axes.axhline(defaults["thresholds"]["steps"][-1]["value"], color=INK, linestyle="--", linewidth=1)
    axes.set_ylim(bottom=0, top=defaults.get("max"))
    axes.set_ylabel(UNITS.get(defaults["unit"], ""))
    if drawn:
        locator = AutoDateLocator(maxticks=6)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        axes.legend(fontsize=6.5, ncols=2 if len(drawn) > 3 else 1, loc="upper left")
    else:
        axes.text(0.5, 0.5, "nothing", transform=axes.transAxes, ha="center", color=SOFT)


if __name__ == "__main__":
    main()
