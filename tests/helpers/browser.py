"""A real Chromium for tests of pages, and the page of the service opened in it."""

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect, sync_playwright

from tests.helpers.chromium import CHROMIUM, FLAGS
from tests.helpers.serving import CIFAR, CONFIDENT_FROM, encoded, random_image

PNG: FilePayload = {"name": "mine.png", "mimeType": "image/png", "buffer": encoded(random_image(120, 200))}
NOT_AN_IMAGE: FilePayload = {"name": "bad.png", "mimeType": "image/png", "buffer": b"not an image"}


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium, close it at the end."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class OpenPage:
    """The page of the service in a browser context of its own, with its requests and console errors."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page: Page = self.context.new_page()
        self.requests: list[str] = []
        self.console_errors: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.console_errors.append(str(error)))
        self.page.on(
            "console",
            lambda line: self.console_errors.append(line.text) if line.type in ("error", "warning") else None,
        )
        self.url = url
        self.page.goto(url)
        expect(self.page.locator("#facts")).to_be_visible()

    def choose(self, *files: FilePayload) -> None:
        """Choose files in the file dialog's input."""
        self.page.set_input_files("#file", files=files)

    def drop(self, content: bytes | None, name: str = "dropped.png") -> None:
        """Drop a file on the page, or, without content, a link."""
        self._transfer("drop", content, name)

    def paste(self, content: bytes | None, name: str = "pasted.png") -> None:
        """Paste a file, or, without content, a link."""
        self._transfer("paste", content, name)

    def _transfer(self, event: str, content: bytes | None, name: str) -> None:
        self.page.evaluate(
            """([event, content, name]) => {
                const data = new DataTransfer();
                if (content === null) data.setData("text/uri-list", "http://example.invalid/a.png");
                else data.items.add(new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], name));
                const target = document.getElementById("drop-zone");
                if (event === "drop") {
                    target.dispatchEvent(new DragEvent("dragenter", { bubbles: true, dataTransfer: data }));
                    target.dispatchEvent(new DragEvent("drop", { bubbles: true, dataTransfer: data }));
                } else
                    target.dispatchEvent(new ClipboardEvent("paste", { bubbles: true, clipboardData: data }));
            }""",
            [event, None if content is None else base64.b64encode(content).decode(), name],
        )

    def foreign_requests(self) -> list[str]:
        """Return the requests that left the page's origin."""
        return [
            url
            for url in self.requests
            if urlsplit(url).scheme not in ("data", "blob") and not url.startswith(self.url + "/")
        ]

    def expect_prediction(self, classes: tuple[str, ...]) -> None:
        """Wait for the prediction and check its bars: all classes, falling, 100 % in all."""
        expect(self.page.locator("#prediction")).to_have_attribute("data-state", "done")
        expect(self.page.locator("#bars li")).to_have_count(len(classes))
        names = self.page.locator("#bars .label").all_inner_texts()
        assert sorted(names) == sorted(classes)
        percents = [
            float(text.removesuffix("%").strip())
            for text in self.page.locator("#bars .percent").all_inner_texts()
        ]
        assert percents == sorted(percents, reverse=True)
        assert sum(percents) == pytest.approx(100, abs=1)
        uncertain = classes == CIFAR and percents[0] < 100 * CONFIDENT_FROM
        expect(self.page.locator("#headline")).to_have_text("Uncertain" if uncertain else names[0])
        expect(self.page.locator("#announcement")).to_contain_text(names[0])
        expect(self.page.locator("#error")).to_be_hidden()


# opens the page of a service, "cifar10" or "digits", with options of a browser context
OpenPageOf = Callable[..., OpenPage]


def background_is_light(page: Page) -> bool:
    """Return whether the page's background is light."""
    red, *_ = page.evaluate(
        "getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).map(Number)"
    )
    return bool(red > 200)
