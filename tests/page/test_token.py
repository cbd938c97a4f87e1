"""A service that requires a token."""

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.helpers.browser import PNG

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def test_a_required_token_is_asked_for_and_sent(browser: Browser, urls: dict[str, str]) -> None:
    context = browser.new_context()
    page = context.new_page()

    def locked(route: Route) -> None:
        if route.request.headers.get("authorization") == "Bearer good-token-of-mine":
            return route.continue_()
        error = {"error": {"code": "no_token", "message": "This token is not known."}}
        return route.fulfill(status=401, json=error)

    page.route("**/model", locked)
    page.route("**/predict?*", locked)
    page.goto(urls["cifar10"])
    expect(page.get_by_label("needs an access token")).to_be_focused()
    expect(page.locator("#facts")).to_be_hidden()
    page.keyboard.type("bad-token")
    page.keyboard.press("Enter")
    expect(page.locator("#error")).to_contain_text("This token is not known.")
    page.get_by_label("needs an access token").fill("good-token-of-mine")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#facts")).to_be_visible()
    expect(page.locator("#token-form")).to_be_hidden()
    page.set_input_files("#file", files=[PNG])
    expect(page.locator("#prediction")).to_have_attribute("data-state", "done")
    context.close()
