"""Fixtures of the browser tests: services with small models, a browser, and the page opened in it."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.helpers.browser import OpenPage, OpenPageOf, chromium
from tests.helpers.serving import bento_of, serve_bento


@pytest.fixture(scope="package")
def feedback_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which the `cifar10` service keeps feedback; the `digits` service keeps none."""
    return tmp_path_factory.mktemp("feedback")


@pytest.fixture(scope="package")
def urls(feedback_folder: Path) -> Iterator[dict[str, str]]:
    """Serve both small models; return the address of each by its name."""
    believing = {"DARKROOM_FEEDBACK": str(feedback_folder), "DARKROOM_PROXIES": "127.0.0.1"}
    settings = {"cifar10": believing, "digits": {}, "many": believing, "labels": believing}
    with ExitStack() as stack:
        yield {
            kind: stack.enter_context(serve_bento(*bento_of(kind)[:2], settings=its))
            for kind, its in settings.items()
        }


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Start Chromium once."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def open_page(browser: Browser, urls: dict[str, str]) -> Iterator[OpenPageOf]:
    """Return a function that opens the page of a service; at the end no page has sent a request elsewhere."""
    pages: list[OpenPage] = []

    def open_page(service: str = "cifar10", **options: Any) -> OpenPage:
        pages.append(OpenPage(browser, urls[service], **options))
        return pages[-1]

    yield open_page
    for page in pages:
        assert page.foreign_requests() == []
        page.context.close()


@pytest.fixture
def opened(open_page: OpenPageOf) -> Iterator[OpenPage]:
    """Open the page of the `cifar10` service; at the end its console has no errors."""
    opened = open_page()
    yield opened
    assert opened.console_errors == []
