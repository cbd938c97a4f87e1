"""The API page and the model card."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.helpers.browser import OpenPage, OpenPageOf, background_is_light

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def test_the_api_page_describes_the_routes(opened: OpenPage) -> None:
    opened.page.get_by_role("link", name="API").click()
    for path in ("/predict", "/predict_batch", "/model", "/card", "/metrics"):
        expect(opened.page.get_by_role("heading", name=path).first).to_be_visible()
    expect(opened.page.locator("pre", has_text='"confident": "boolean or null"')).to_have_count(2)
    expect(opened.page.locator("main")).not_to_contain_text("undefined")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_model_card_has_its_figures_and_fits_a_phone(open_page: OpenPageOf, scheme: Any) -> None:
    opened = open_page(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page = opened.page
    page.get_by_role("link", name="Model card").click()
    expect(page.get_by_role("heading", name="Model card: <things>")).to_be_visible()
    expect(page).to_have_title("Model card: cifar10")
    expect(page.get_by_role("img", name="Figure")).to_have_js_property("naturalWidth", 900)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    wide, seen = page.evaluate(
        "(({ scrollWidth, clientWidth }) => [scrollWidth, clientWidth])(document.querySelector('.wide'))"
    )
    assert seen <= 320 < wide  # the table scrolls in its own box
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "wide"
    assert background_is_light(page) == (scheme == "light")
    assert opened.console_errors == []
    assert not [url for url in opened.requests if "favicon" in url]
