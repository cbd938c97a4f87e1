"""The contact sheet of earlier images."""

import pytest
from playwright.sync_api import expect

from tests.helpers.browser import OpenPage
from tests.helpers.serving import CIFAR, encoded, random_image

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def test_the_contact_sheet_shows_an_earlier_prediction_without_a_request(opened: OpenPage) -> None:
    page, frames = opened.page, opened.page.locator("#sheet button")
    expect(page.locator("#contact-sheet")).to_be_hidden()
    opened.drop(encoded(random_image(seed=2)), name="first.png")
    opened.expect_prediction(CIFAR)
    bars = page.locator("#bars").inner_text()
    opened.paste(encoded(random_image(90, 60)), name="second.png")
    expect(frames).to_have_count(2)
    expect(page.locator("#file-name")).to_have_text("second.png")
    requests = len([url for url in opened.requests if "/predict" in url])
    probability = page.locator("#sheet small").last.inner_text()
    expect(frames.last).to_have_attribute("aria-label", f"first.png: Uncertain, {probability}")
    frames.last.click()
    opened.expect_prediction(CIFAR)
    assert page.locator("#bars").inner_text() == bars
    expect(page.locator("#file-name")).to_have_text("first.png")
    expect(page.locator("#photo")).to_have_js_property("naturalHeight", 32)
    assert len([url for url in opened.requests if "/predict" in url]) == requests
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#contact-sheet")).to_be_hidden()
