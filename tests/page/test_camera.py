"""The camera, which Chromium fakes."""

import pytest
from playwright.sync_api import expect

from tests.helpers.browser import PNG, OpenPage, OpenPageOf
from tests.helpers.serving import CIFAR

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def test_camera_frames_are_classified_live_and_a_photo_is_kept(open_page: OpenPageOf) -> None:
    opened = open_page(permissions=["camera"])
    page = opened.page
    page.get_by_role("button", name="Use the camera").click()
    expect(page.get_by_role("button", name="Take a photo")).to_be_focused()
    expect(page.locator("#prediction")).to_have_attribute("data-state", "done")
    percents = [float(text.split("\u00a0")[0]) for text in page.locator("#bars .percent").all_inner_texts()]
    assert sum(percents) == pytest.approx(100, abs=1)
    expect(page.locator("#heat")).to_be_visible()
    expect(page.locator("#contact-sheet")).to_be_hidden()
    expect(page.locator("#feedback")).to_be_hidden()
    page.evaluate("document.querySelector('#bars li').marked = true")  # to see that bars are reused
    for _ in range(2):  # one frame after the other
        page.wait_for_event("response", lambda response: "/predict?" in response.url)
    assert page.evaluate("[...document.querySelectorAll('#bars li')].some((bar) => bar.marked)")
    page.evaluate("window.track = document.getElementById('video').srcObject.getTracks()[0]")
    page.keyboard.press("Enter")
    expect(page.locator("#file-name")).to_have_text("Camera photo")
    expect(page.locator("#sheet li")).to_have_count(1)
    opened.expect_prediction(CIFAR)
    expect(page.locator("#viewfinder")).to_be_hidden()
    assert page.evaluate("track.readyState") == "ended"
    page.get_by_role("button", name="Use the camera").click()
    expect(page.locator("#viewfinder")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#viewfinder")).to_be_hidden()
    expect(page.locator("#drop-hint")).to_be_visible()
    expect(page.get_by_role("button", name="Use the camera")).to_be_focused()
    assert opened.console_errors == []


def test_a_camera_that_cannot_be_opened_is_reported(opened: OpenPage) -> None:
    refused = (
        "() => { navigator.mediaDevices.getUserMedia = "
        "() => Promise.reject(new DOMException('no', 'NotAllowedError')); }"
    )
    opened.page.evaluate(refused)
    opened.page.get_by_role("button", name="Use the camera").click()
    expect(opened.page.locator("#error")).to_contain_text("Allow it in the address bar")
    opened.page.evaluate(refused.replace("NotAllowed", "NotFound"))
    opened.page.get_by_role("button", name="Use the camera").click()
    expect(opened.page.locator("#error")).to_have_text("No camera is available.")
    opened.choose(PNG)
    opened.expect_prediction(CIFAR)
