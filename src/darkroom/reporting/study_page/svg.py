"""SVG elements of the charts: their geometry, axes and labels, and the marks of a trial."""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from darkroom.reporting.study_scales import accuracy_places, accuracy_ticks

WIDTH, HEIGHT = 760, 300  # of a chart, in the SVG's units
LEFT, RIGHT, TOP, BOTTOM = 54, 14, 22, 34  # its margins


@dataclass(frozen=True)
class TrialMark:
    """A trial as the charts draw it; the attribute `data-trial` ties its shapes together."""

    number: int
    state: str

    def dot(self, x: float, y: float) -> str:
        """Return a point at SVG coordinates."""
        return f'<circle class="trial dot {self.state}" {self._tie} cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'

    def line(self, xs: Sequence[float], ys: Sequence[float]) -> str:
        """Return a line through SVG coordinates, and a wide invisible one that is easier to point at."""
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
        return (
            f'<polyline class="trial line {self.state}" {self._tie} points="{points}"/>'
            f'<polyline class="hit {self.state}" {self._tie} points="{points}"/>'
        )

    @property
    def _tie(self) -> str:
        return f'data-trial="{self.number}"'


def x_of(place: float, width: int = WIDTH) -> float:
    """Return the SVG coordinate of a horizontal place, 0 (left) to 1 (right)."""
    return LEFT + (width - LEFT - RIGHT) * place


def y_of(place: float) -> float:
    """Return the SVG coordinate of a vertical place, 0 (bottom) to 1 (top)."""
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - place)


def label(x: float, y: float, text: str, *, anchor: str = "middle", soft: bool = False) -> str:
    """Return a text at SVG coordinates, escaped; a `soft` one is less prominent.

    >>> label(10, 20, "a < b", anchor="start")
    '<text x="10.0" y="20.0" text-anchor="start">a &lt; b</text>'
    """
    style = ' class="soft"' if soft else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>{html.escape(text)}</text>'


def x_label(x: float, text: str) -> str:
    """Return the label of a tick below the horizontal axis."""
    return label(x, HEIGHT - BOTTOM + 16, text)


def accuracy_labels(floor: float, top: float) -> list[tuple[float, str]]:
    """Return the places and the labels of the ticks of an accuracy axis."""
    values = accuracy_ticks(floor, top)
    places = accuracy_places(np.array(values), floor, top)
    return [(float(place), f"{100 * value:.3g} %") for place, value in zip(places, values, strict=True)]


def accuracy_grid(floor: float, top: float, *, width: int = WIDTH) -> str:
    """Return the horizontal lines of an accuracy axis, with their labels."""
    return "".join(
        f'<line class="grid" x1="{LEFT - 8}" x2="{width - RIGHT}" y1="{y_of(at):.1f}" y2="{y_of(at):.1f}"/>'
        + label(LEFT - 12, y_of(at) + 4, text, anchor="end", soft=True)
        for at, text in accuracy_labels(floor, top)
    )


def svg(
    parts: Iterable[str], description: str, *, width: int = WIDTH, height: int = HEIGHT, top: int = 0
) -> str:
    """Return a drawing of elements with a description for screen readers; its y axis starts at `top`."""
    size = f'viewBox="0 {top} {width} {height}"'
    if width > WIDTH:  # it is scrolled, so that its text stays readable
        size += f' style="min-width: {width}px"'
    return f'<svg {size} role="img" aria-label="{html.escape(description)}">' + "".join(parts) + "</svg>"
