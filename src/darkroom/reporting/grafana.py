"""The Grafana dashboard's panels as one PNG, drawn with matplotlib from a Prometheus server.

Run as `python -m darkroom.reporting.grafana --png FILE`: for a report, or where Grafana is not installed. The
queries are those of deploy/monitoring/dashboard.json.
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
POINTS = 240  # in time along a panel
COLUMNS = 24  # of Grafana's grid
COLORS = (BLUE, ORANGE, "#009e73", "#cc79a7", "#56b4e9", "#e69f00", INK, SOFT)  # Okabe and Ito's, greys
UNITS = {"s": "seconds", "reqps": "per second", "percentunit": "share"}
Series = dict[str, list[tuple[float, float]]]  # seconds since 1970 and value, by legend


def main() -> None:
    """Draw the dashboard that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m darkroom.reporting.grafana", description=__doc__)
    parser.add_argument(
        "--prometheus", default="http://127.0.0.1:9090", help="address of the server (default %(default)s)"
    )
    parser.add_argument("--minutes", type=float, default=360, help="how many until now (default %(default)s)")
    parser.add_argument("--png", type=Path, required=True, help="file to write")
    options = parser.parse_args()
    end = time.time()
    try:
        draw_dashboard(options.png, options.prometheus, start=end - 60 * options.minutes, end=end)
    except requests.RequestException as error:
        raise SystemExit(f"{options.prometheus} does not respond as Prometheus does ({error})") from error


def draw_dashboard(
    path: Path, prometheus: str, *, start: float, end: float, dashboard: Path = DASHBOARD, rate: str = "1m"
) -> None:
    """Draw all panels of a dashboard.

    Args:
        path: of the PNG.
        prometheus: address of the server.
        start: of the time shown, in seconds since 1970.
        end: of the time shown, in seconds since 1970.
        dashboard: Grafana's JSON.
        rate: what `$__rate_interval` stands for, as a Prometheus duration.

    Raises:
        requests.RequestException: the server does not respond, or refuses a query.
    """
    panels = json.loads(dashboard.read_text(encoding="utf-8"))["panels"]
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    with style.context(["default", STYLE, {"font.size": 8, "axes.titlesize": 9}]):
        figure = Figure(figsize=(14, 0.42 * height))
        for panel in panels:
            axes = figure.add_axes(_rectangle(panel["gridPos"], height))
            found: Series = {}
            for target in panel["targets"]:
                found |= query_range(prometheus, target, start=start, end=end, rate=rate)
            axes.set_title(panel["title"])
            (_draw_number if panel["type"] == "stat" else _draw_lines)(axes, panel, found)
        with atomic_write(path) as file:
            figure.savefig(file, format="png", dpi=110, metadata={"Software": None})


def _rectangle(place: dict[str, int], height: int) -> tuple[float, float, float, float]:
    """Return left, bottom, width and height of a panel's axes with margins, in shares of the figure."""
    left, width = place["x"] + 1.0, place["w"] - 1.5
    bottom, tall = height - place["y"] - place["h"] + 1.0, place["h"] - 2.2
    return left / COLUMNS, bottom / height, width / COLUMNS, tall / height


def query_range(prometheus: str, target: dict[str, Any], *, start: float, end: float, rate: str) -> Series:
    """Return the result of a panel's query.

    Raises:
        requests.RequestException: the server does not respond, or refuses the query.
    """
    query = target["expr"].replace("$__rate_interval", rate).replace("$instance", ".*")
    parameters: dict[str, Any] = {"query": query, "start": start, "end": end}
    parameters["step"] = max(1.0, (end - start) / POINTS)
    response = requests.get(f"{prometheus}/api/v1/query_range", params=parameters, timeout=30)
    response.raise_for_status()
    found: Series = {}
    for series in response.json()["data"]["result"]:
        legend = target["legendFormat"]
        for name, value in series["metric"].items():
            legend = legend.replace("{{" + name + "}}", value)
        found[legend] = [(float(when), float(value)) for when, value in series["values"] if value != "NaN"]
    return found


def _draw_number(axes: Axes, panel: dict[str, Any], found: Series) -> None:
    axes.axis("off")
    last = {legend: points[-1] for legend, points in found.items() if points}
    newest = max((when for when, _ in last.values()), default=0.0)
    values = {legend: value for legend, (when, value) in last.items() if when == newest}
    if panel["options"]["textMode"] == "name":
        text = "\n".join(values) or "none"
    elif panel["fieldConfig"]["defaults"]["unit"] == "percentunit":
        text = ", ".join(f"{value:.1%}" for value in values.values()) or "none"
    else:
        text = ", ".join(f"{value:,.2f}".removesuffix(".00") for value in values.values()) or "none"
    axes.text(0, 0.5, text, fontsize=15 if len(text) < 12 else 11, va="center")


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
        axes.text(0.5, 0.5, "no data", transform=axes.transAxes, ha="center", color=SOFT)


if __name__ == "__main__":
    main()
