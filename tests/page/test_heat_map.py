"""The heat map over the image."""

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.helpers.browser import PNG, OpenPage, OpenPageOf
from tests.helpers.serving import CIFAR, DIGITS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def opacities(page: Page, points: list[tuple[float, float]]) -> list[int]:
    """Return how opaque the heat map is at places of 0 to 1."""
    values: list[int] = page.evaluate(
        """(points) => {
            const canvas = document.getElementById("heat"), copy = document.createElement("canvas");
            Object.assign(copy, { width: canvas.width, height: canvas.height });
            const c = copy.getContext("2d", { willReadFrequently: true });
            c.drawImage(canvas, 0, 0);
            return points.map(([x, y]) => c.getImageData(x * canvas.width, y * canvas.height, 1, 1).data[3]);
        }""",
        points,
    )
    return values


def test_the_heat_map_is_lightest_where_the_evidence_is_strongest(opened: OpenPage) -> None:
    page, heat = opened.page, opened.page.locator("#heat")
    expect(heat).to_be_hidden()
    with page.expect_response("**/predict?*") as response:
        opened.choose(PNG)  # 200 wide, 120 high: the model sees the middle
    opened.expect_prediction(CIFAR)
    prediction = response.value.json()
    expect(heat).to_be_visible()
    grids = np.array(prediction["heat"])
    assert grids.shape == (10, 8, 8)
    names = [each["class"] for each in prediction["classes"]]
    for number, (name, grid) in enumerate(zip(names[:3], grids[:3], strict=True)):
        page.get_by_role("radio", name=f"Show the heat map for {name}").check(force=True)
        (top, left), (low, right) = (np.unravel_index(at, (8, 8)) for at in (grid.argmax(), grid.argmin()))
        seen = [(0.2 + 0.6 * (x + 0.5) / 8, (y + 0.5) / 8) for x, y in ((left, top), (right, low))]
        light, dark, outside = opacities(page, [*seen, (0.1, 0.5)])
        assert light < dark < outside
        place = ("upper ", "", "lower ")[int((top + 0.5) * 3 / 8)] + ("left", "", "right")[
            int((left + 0.5) * 3 / 8)
        ]
        expect(heat).to_have_attribute(
            "aria-label", re.compile(f"^Heat map: evidence for {name}, mostly .*{place}")
        )
        if number:
            expect(page.locator("#announcement")).to_contain_text(f"evidence for {name}")
    page.locator("#heat-switch").click()
    expect(heat).to_be_hidden()
    opened.choose(PNG)
    opened.expect_prediction(CIFAR)
    expect(page.get_by_role("checkbox", name="Heat map")).not_to_be_checked()
    expect(heat).to_be_hidden()


def test_without_heat_maps_or_feedback_their_controls_are_hidden(open_page: OpenPageOf) -> None:
    opened = open_page("digits")
    opened.page.locator("#drawings button").first.click()
    opened.expect_prediction(DIGITS)
    for hidden in ("#heat", "#heat-switch", "#feedback", "#feedback-notice"):
        expect(opened.page.locator(hidden)).to_be_hidden()
    expect(opened.page.locator("#no-heat")).to_have_text("This model has no heat maps.")
    expect(opened.page.locator("#no-heat")).to_be_visible()
    expect(opened.page.locator("#bars input:enabled")).to_have_count(0)
