"""Correcting a wrong prediction."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.helpers.browser import PNG, OpenPage, OpenPageOf
from tests.helpers.serving import CIFAR, encoded, random_image

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def test_a_correction_is_stored_with_its_image(opened: OpenPage, feedback_folder: Path) -> None:
    page = opened.page
    expect(page.locator("#feedback-notice")).to_be_visible()
    for choice, label in (("truck", "truck"), ("None of these", None)):
        content = encoded(random_image(50, 50, seed=8 + len(choice)))
        opened.choose({**PNG, "buffer": content})
        opened.expect_prediction(CIFAR)
        best = page.locator("#bars .label").first.inner_text()
        page.get_by_role("button", name="Wrong? Correct it").click()
        page.get_by_role("combobox", name="Correct class").select_option(label=choice)
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_role("status")).to_have_text(f"Thank you. Saved as {label or 'none of these'}.")
        expect(page.locator("#feedback-open")).to_be_hidden()
        line = json.loads((feedback_folder / "feedback.jsonl").read_text(encoding="utf-8").splitlines()[-1])
        assert (line["class"], line["predicted"], line["model"]["version"]) == (label, best, "3")
        assert (feedback_folder / line["image"]).read_bytes() == content
    page.locator("#sheet button").nth(1).click()
    expect(page.get_by_role("status")).to_have_text("Thank you. Saved as truck.")  # remembered for each image


def test_a_correction_that_is_not_stored_is_reported(open_page: OpenPageOf) -> None:
    opened = open_page()
    error = {"error": {"code": "feedback_full", "message": "The folder is full."}}
    opened.page.route("**/feedback", lambda route: route.fulfill(status=507, json=error))
    opened.choose(PNG)
    opened.expect_prediction(CIFAR)
    opened.page.locator("#feedback-open").click()
    opened.page.get_by_role("button", name="Cancel").click()
    expect(opened.page.locator("#feedback-form")).to_be_hidden()
    opened.page.locator("#feedback-open").click()
    opened.page.locator("#feedback-class").select_option(index=2)
    opened.page.get_by_role("button", name="Send").click()
    expect(opened.page.locator("#error")).to_have_text("Your correction was not saved: The folder is full.")
    expect(opened.page.locator("#feedback-status")).to_be_empty()
