"""The page behind a real nginx, at a path that nginx removes (`deploy/nginx.conf`) or passes on."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.helpers.browser import PNG, OpenPage
from tests.helpers.nginx import EXAMPLE, PASSED_ON, nginx
from tests.helpers.serving import CIFAR

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
NAMED = PASSED_ON.replace(
    "proxy_http_version", "proxy_set_header X-Forwarded-Prefix /vision; proxy_http_version"
)


@pytest.fixture(params=[EXAMPLE, NAMED], ids=["removed", "passed on"])
def behind(request: pytest.FixtureRequest, browser: Browser, urls: dict[str, str]) -> Iterator[OpenPage]:
    """Open the page by an address without a slash at its end; no request leaves the path, and none fails."""
    with nginx(urls["cifar10"], request.param) as url:
        opened = OpenPage(browser, f"{url}/vision")
        failed: list[str] = []
        opened.page.on("response", lambda got: failed.append(got.url) if got.status >= 400 else None)
        yield opened
        assert [each for each in opened.requests if not each.startswith(("data:", "blob:", opened.url))] == []
        assert failed == []
        assert opened.console_errors == []
        opened.context.close()


def test_an_image_is_dropped_classified_and_corrected(behind: OpenPage) -> None:
    page = behind.page
    behind.drop(PNG["buffer"])
    behind.expect_prediction(CIFAR)
    expect(page.locator("#heat")).to_be_visible()
    page.get_by_role("button", name="Wrong? Correct it").click()
    page.get_by_role("combobox", name="Correct class").select_option(label="truck")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("status")).to_have_text("Thank you. Saved as truck.")
    assert page.evaluate("getComputedStyle(document.querySelector('.top')).display") != "block"  # page.css


def test_its_links_lead_to_the_documents_and_back(behind: OpenPage) -> None:
    page = behind.page
    page.get_by_role("link", name="Model card").click()
    expect(page.get_by_role("heading", name="Model card: <things>")).to_be_visible()
    assert page.url == f"{behind.url}/card"
    page.go_back()
    page.get_by_role("link", name="API").click()
    expect(page.get_by_role("heading", name="/predict_batch")).to_be_visible()
    expect(page.locator("main")).to_contain_text(f"curl -F image=@image.png {behind.url}/predict")
    page.get_by_role("link", name="openapi.json").click()
    expect(page.locator("body")).to_contain_text('"servers":[{"url":"/vision"}]')
    page.go_back()
    page.get_by_role("link", name="Darkroom").click()
    expect(page.locator("#facts")).to_be_visible()
    assert page.url == f"{behind.url}/"
    for name in ("Model", "Metrics"):
        page.get_by_role("navigation").get_by_role("link", name=name, exact=True).click()
        expect(page.locator("body")).to_contain_text("cifar10" if name == "Model" else "darkroom_requests")
        page.go_back()
