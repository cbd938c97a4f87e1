"""A figure that says in a line why there is nothing to draw."""

from pathlib import Path

from darkroom.reporting.figures.style import WIDTH, open_png


def blank_figure(path: Path, text: str) -> None:
    """Write a PNG with nothing but `text`."""
    with open_png(path, WIDTH, 1.4) as figure:
        figure.text(0.5, 0.5, text, ha="center", va="center")
