"""Take the screenshots of the page for the documentation: `python -m tests.page.screenshots`.

It serves models/champion and classifies the page's own drawings, so that no screenshot shows an image of a
data set.
"""

import argparse
import io
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from darkroom.files import atomic_write
from darkroom.serving.process.bento import bento_version, build_bento
from tests.helpers.chromium import CHROMIUM, FLAGS
from tests.helpers.serving import PROJECT, serve_bento

SHOTS: dict[str, dict[str, Any]] = {
    "page.png": {"viewport": {"width": 1180, "height": 900}, "color_scheme": "dark"},
    "page-light.png": {"viewport": {"width": 1180, "height": 900}, "color_scheme": "light"},
    "page-phone.png": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2},
}
LARGEST = 300_000  # bytes


def main() -> None:
    """Write the screenshots into docs/."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--url", help="of a running service (default: serve models/champion)")
    parser.add_argument("--drawing", help="the class whose drawing is shown (default: the last but one)")
    parser.add_argument("--folder", type=Path, default=PROJECT / "docs")
    options = parser.parse_args()
    with ExitStack() as stack:
        url = options.url or stack.enter_context(_served_champion())
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for name, how in SHOTS.items():
            image = small(_shot(browser, url, options.drawing, how))
            with atomic_write(options.folder / name) as file:
                file.write(image)
            print(f"{options.folder / name}: {len(image):,} bytes")
        browser.close()


@contextmanager
def _served_champion() -> Iterator[str]:
    prefix = "darkroom-screenshots-"
    with (
        tempfile.TemporaryDirectory(prefix=prefix) as folder,
        serve_bento(*champion_bento(Path(folder))) as url,
    ):
        yield url


def champion_bento(folder: Path) -> tuple[Path, str]:
    """Build the champion's Bento; return its store and tag."""
    version = bento_version(PROJECT, "page")
    built = build_bento(
        PROJECT,
        name="darkroom-page",
        version=version,
        archive=folder / "page.bento",
        home=folder / "home",
    )
    return folder / "home", built["tag"]


def _shot(browser: Browser, url: str, drawing: str | None, how: dict[str, Any]) -> bytes:
    """Classify some drawings and return a screenshot with the last one on show."""
    context = browser.new_context(reduced_motion="reduce", **how)
    page = context.new_page()
    page.goto(url)
    buttons = page.locator("#drawings button")
    expect(buttons).not_to_have_count(0)
    names = [str(name).removeprefix("drawing of ") for name in page.evaluate(NAMES)]
    last = drawing or names[-2]
    shown = [*[name for name in names if name != last][:6], last]
    for count, name in enumerate(shown, 1):
        buttons.nth(names.index(name)).click()
        expect(page.locator("#sheet li")).to_have_count(count)
    settle(page)
    image = page.screenshot(full_page=how["viewport"]["width"] > 500)
    context.close()
    return image


def settle(page: Page) -> None:
    """Wait until a prediction is drawn, with nothing pointed at."""
    expect(page.locator("#prediction")).to_have_attribute("data-state", "done")
    page.wait_for_function(LOADED)
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.wait_for_timeout(300)  # the last frames of the bars


NAMES = "[...document.querySelectorAll('#drawings button')].map((button) => button.dataset.name)"
LOADED = "document.getElementById('photo').complete && document.getElementById('photo').naturalWidth > 0"


def shoot_files(pages: dict[Path, Path], *, height: int = 760) -> None:
    """Take screenshots of the upper part of HTML files; `pages` maps each page to its screenshot."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for page_file, target in pages.items():
            page = browser.new_page(viewport={"width": 1180, "height": height}, color_scheme="light")
            page.goto(page_file.resolve().as_uri())
            with atomic_write(target) as file:
                file.write(small(page.screenshot()))
        browser.close()


def small(png: bytes) -> bytes:
    """Return a PNG of at most `LARGEST` bytes, with fewer colours where it would be larger."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in (None, 256, 128, 64):
        file = io.BytesIO()
        (image.quantize(colours) if colours else image).save(file, "PNG", optimize=True)
        if file.tell() <= LARGEST:
            break
    return file.getvalue()


if __name__ == "__main__":
    main()
