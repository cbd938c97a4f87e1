"""Choosing, dropping and pasting images."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Response, expect

from tests.helpers.browser import NOT_AN_IMAGE, PNG, OpenPage, OpenPageOf
from tests.helpers.serving import CIFAR, encoded, random_image

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def is_refused(response: Response) -> bool:
    """Return whether the service refused an image."""
    return response.status == 422


def test_a_chosen_image_is_shown_and_classified(opened: OpenPage) -> None:
    page = opened.page
    expect(page.locator("#model-name")).to_have_text("cifar10")
    expect(page.locator("#model-version")).to_have_text("3")
    expect(page.locator("#model-accuracy")).to_have_text("93.7\u00a0%")
    opened.choose(PNG)
    opened.expect_prediction(CIFAR)
    expect(page.locator("#timing")).to_contain_text("ms")
    for name, (width, height) in {"#model-input": (32, 32), "#photo": (200, 120)}.items():
        expect(page.locator(name)).to_have_js_property("naturalWidth", width)
        expect(page.locator(name)).to_have_js_property("naturalHeight", height)
    expect(page.locator("#file-name")).to_have_text("mine.png")


@pytest.mark.parametrize("how", [OpenPage.drop, OpenPage.paste])
def test_a_dropped_or_pasted_image_is_classified(
    opened: OpenPage, how: Callable[[OpenPage, bytes | None], None]
) -> None:
    how(opened, encoded(random_image()))
    opened.expect_prediction(CIFAR)
    expect(opened.page.locator("#drop-zone")).not_to_have_class("over")


def test_a_file_that_fails_does_not_stop_the_others(open_page: OpenPageOf) -> None:
    opened = open_page()
    page, frames = opened.page, opened.page.locator("#sheet button")
    more: list[Any] = [
        {**PNG, "name": f"{seed}.png", "buffer": encoded(random_image(seed=seed))} for seed in (2, 3)
    ]
    with page.expect_response(is_refused) as refused:
        opened.choose(PNG, more[0], NOT_AN_IMAGE, more[1])
    message = refused.value.json()["error"]["message"]
    expect(page.locator("#error")).to_have_text(f"bad.png: {message}")
    expect(frames).to_have_count(3)
    expect(page.locator("#file-name")).to_have_text("3.png")
    opened.choose(PNG, NOT_AN_IMAGE)
    expect(page.locator("#error")).to_contain_text("bad.png")
    expect(page.locator("#file-name")).to_have_text("mine.png")  # the last that could be read
    expect(page.locator("#headline")).not_to_have_text("…")
    expect(frames).to_have_count(3)  # it was there already
    assert all("422" in error for error in opened.console_errors)


@pytest.mark.parametrize(("name", "kind"), [("a.tiff", "TIFF"), ("a.heic", "HEIF"), ("a.jp2", "JPEG2000")])
def test_a_format_that_the_browser_cannot_display_is_classified(
    opened: OpenPage, name: str, kind: str
) -> None:
    file: FilePayload = {
        "name": name,
        "mimeType": "application/octet-stream",  # what browsers say of formats they do not know
        "buffer": encoded(random_image(), kind),
    }
    opened.choose(file)
    opened.expect_prediction(CIFAR)
    expect(opened.page.locator("#not-displayable")).to_be_visible()
    expect(opened.page.locator("#model-input")).to_be_visible()


def test_a_bad_file_is_reported_and_the_next_one_is_classified(open_page: OpenPageOf) -> None:
    opened = open_page()
    error = opened.page.locator("#error")
    with opened.page.expect_response(is_refused) as refused:
        opened.choose(NOT_AN_IMAGE)
    expect(error).to_have_text(refused.value.json()["error"]["message"])
    expect(opened.page.locator("#drop-hint")).to_be_visible()
    for how in (opened.drop, opened.paste):
        how(None)
        expect(error).to_contain_text("Links are not opened")
    opened.choose(PNG)
    opened.expect_prediction(CIFAR)
    assert all("422" in error for error in opened.console_errors)
