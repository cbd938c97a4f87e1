"""Keyboard, phone, light and dark."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.helpers.browser import PNG, OpenPage, OpenPageOf, background_is_light
from tests.helpers.serving import CIFAR

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def test_everything_works_with_the_keyboard(opened: OpenPage) -> None:
    page = opened.page
    # expected before the first key: Playwright does not wait until the browser hands file dialogs to it
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Model card")).to_be_focused()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "file"
        page.keyboard.press("Space")
    chooser.value.set_files([PNG])
    opened.expect_prediction(CIFAR)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Use the camera")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("checkbox", name="Heat map")).to_be_focused()
    page.keyboard.press("Tab")
    first, second = page.locator("#bars .label").all_inner_texts()[:2]
    expect(page.get_by_role("radio", name=f"Show the heat map for {first}")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name=f"Show the heat map for {second}")).to_be_checked()
    expect(page.locator("#announcement")).to_contain_text(f"evidence for {second}")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Wrong? Correct it")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="Correct class")).to_be_focused()
    page.locator("#drawings button").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#drawings button").first).to_have_attribute("aria-pressed", "true")
    opened.expect_prediction(CIFAR)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone(open_page: OpenPageOf, scheme: Any) -> None:
    opened = open_page(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    opened.page.locator("#drawings button").nth(1).click()
    opened.expect_prediction(CIFAR)
    expect(opened.page.locator("#drop-zone")).to_be_in_viewport(ratio=0.9)
    opened.page.get_by_role("button", name="Wrong? Correct it").click()
    expect(opened.page.locator("#feedback-class")).to_be_visible()
    assert opened.page.evaluate("document.documentElement.scrollWidth") == 360
    assert background_is_light(opened.page) == (scheme == "light")
