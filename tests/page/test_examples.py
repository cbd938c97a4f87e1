"""The drawings to try."""

import pytest
from playwright.sync_api import Browser, expect

from tests.helpers.browser import PNG, OpenPageOf
from tests.helpers.serving import CIFAR, DIGITS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.mark.parametrize(("service", "classes"), [("cifar10", CIFAR), ("digits", DIGITS)])
def test_every_class_has_a_drawing_that_can_be_classified(
    open_page: OpenPageOf, service: str, classes: tuple[str, ...]
) -> None:
    opened = open_page(service)
    buttons = opened.page.locator("#drawings button")
    expect(buttons).to_have_count(len(classes))
    images = opened.page.evaluate(
        "[...document.querySelectorAll('#drawings canvas')].map((c) => c.toDataURL())"
    )
    assert len(set(images)) == len(classes)  # each is drawn, and none like another
    buttons.nth(3).click()
    opened.expect_prediction(classes)
    expect(buttons.nth(3)).to_have_attribute("aria-pressed", "true")
    opened.page.locator("#photo").wait_for()
    assert opened.console_errors == []


def test_the_section_is_hidden_where_no_class_has_a_drawing(browser: Browser, urls: dict[str, str]) -> None:
    context = browser.new_context()
    page = context.new_page()
    model = {
        "name": "x",
        "version": "1",
        "classes": ["constructor", "<b>tea</b>"],
        "width": 9,
        "height": 9,
        "channels": 3,
    }
    page.route("**/model", lambda route: route.fulfill(json={**model, "limits": {"image_bytes": 10}}))
    page.goto(urls["cifar10"])
    expect(page.locator("#bars .label").nth(1)).to_have_text("<b>tea</b>")
    expect(page.locator("#examples")).to_be_hidden()
    expect(page.locator("#accuracy-fact")).to_be_hidden()
    expect(page.locator("#card-fact")).to_be_hidden()
    page.set_input_files("#file", files=[PNG])
    expect(page.locator("#error")).to_contain_text("the limit is")
    context.close()
