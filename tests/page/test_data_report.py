"""The data report in a browser: it loads nothing, fits a phone, and can be read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from darkroom.reporting.data_report.report import write
from tests.helpers.browser import background_is_light
from tests.helpers.data_report import shapes_report

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
ODD = ["<b>bold</b>", "ä" * 120, "a" * 200, "狐 🦊"]
# Each text that is shown, the contrast of its colour to the ground behind it (WCAG 2.2), and its size.
TEXTS = """() => {
    const channels = (colour) => colour.match(/[0-9.]+/g).map(Number);
    const part = (value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    const weights = [0.2126, 0.7152, 0.0722];
    const luminance = (colour) => weights.reduce((sum, one, i) => sum + one * part(colour[i] / 255), 0);
    const ground = (element) => {
        for (let each = element; each; each = each.parentElement) {
            const colour = channels(getComputedStyle(each).backgroundColor);
            if (colour.length === 3 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
        const node = walker.currentNode, element = node.parentElement;
        if (!node.data.trim()) continue;
        const style = getComputedStyle(element);
        const both = [luminance(channels(style.color)), luminance(ground(element))];
        const [low, high] = [Math.min(...both), Math.max(...both)];
        const range = document.createRange();
        range.selectNodeContents(node);
        const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size;
        found.push({ text: node.data.trim(), contrast: (high + 0.05) / (low + 0.05),
                     size: parseFloat(style.fontSize), lines });
    }
    return found;
}"""


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Write the report on 2 classes and the one on 1,000; return the pages by the number of classes."""
    pages = {}
    many = [*ODD, *(f"class {number}" for number in range(1000 - len(ODD)))]
    for names, training in ((["circle", "square"], 60), (many, 3)):
        folder = tmp_path_factory.mktemp("report")
        pages[len(names)] = write(folder, shapes_report(names, training=training, held_out=1))[0]
    return pages


@contextmanager
def opened(browser: Browser, path: Path, **options: Any) -> Iterator[Page]:
    """Open a file in a window of a phone's width; nothing else is loaded, and the console has no errors."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, **options)
    page = context.new_page()
    requests: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda line: said.append(line.text))
    page.goto(path.as_uri())
    yield page
    assert [url for url in requests if not url.startswith("data:")] == [path.as_uri()]
    assert said == []
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("classes", [2, 1000])
def test_the_report_can_be_read_on_a_phone(
    browser: Browser, reports: dict[int, Path], classes: int, scheme: Any
) -> None:
    with opened(browser, reports[classes], color_scheme=scheme) as page:
        assert background_is_light(page) == (scheme == "light")
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        texts = page.evaluate(TEXTS)
        assert len(texts) > 60
        assert [one for one in texts if one["contrast"] < 4.5] == []
        assert [one for one in texts if one["size"] < 12] == []
        squeezed = [one for one in texts if one["lines"] > 2 + len(one["text"]) / 6]
        assert squeezed == []
    assert reports[classes].stat().st_size < 4_000_000


@pytest.mark.parametrize("classes", [2, 1000])
def test_every_image_is_described_and_whole(browser: Browser, reports: dict[int, Path], classes: int) -> None:
    with opened(browser, reports[classes]) as page:
        images = page.evaluate(
            "[...document.images].map((one) => [one.alt, one.complete && one.naturalWidth, one.width])"
        )
        assert len(images) > 5
        for description, loaded, shown in images:
            assert description.strip()
            assert loaded == shown > 0
        # what is wider than a phone scrolls in a box of its own, which the keyboard reaches
        boxes = page.evaluate(
            "[...document.querySelectorAll('.wide')].filter((one) => one.scrollWidth > one.clientWidth)"
            ".map((one) => [one.tabIndex, one.getAttribute('role'), one.getAttribute('aria-label')])"
        )
        assert boxes
        for index, role, label in boxes:
            assert (index, role) == (0, "group")
            assert label
