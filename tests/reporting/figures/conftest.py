"""A fixture of the tests of figures."""

import pytest
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[Text, Bbox]:
    """Return the texts of the last figure drawn, each with its box in pixels."""
    found: dict[Text, Bbox] = {}
    draw_figure, draw_text = Figure.draw, Text.draw

    def draw_and_forget(figure: Figure, renderer: RendererBase) -> None:
        found.clear()  # the layout may draw more than once
        draw_figure(figure, renderer)

    def draw_and_note(text: Text, renderer: RendererBase) -> None:
        draw_text(text, renderer)
        if text.get_visible() and text.get_text().strip():
            found[text] = Text.get_window_extent(text, renderer)

    monkeypatch.setattr(Figure, "draw", draw_and_forget)
    monkeypatch.setattr(Text, "draw", draw_and_note)
    return found
