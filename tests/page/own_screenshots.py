"""Take the screenshots for docs/own-images.md: `python -m tests.page.own_screenshots` (some minutes).

It draws images of shapes, runs the whole pipeline on their folder in a copy of the project, and shows the
data report and the page with these classes, so that no screenshot shows an image of a data set.
"""

import argparse
import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, expect

from darkroom.files import atomic_write, read_json
from tests.helpers.browser import chromium
from tests.helpers.checkouts import PROJECT, Checkout, new_checkout
from tests.helpers.data_report import shape
from tests.helpers.own_images import write_files
from tests.helpers.serving import serve_bento
from tests.helpers.warm_stages import run_stages, set_params
from tests.page.screenshots import settle, small

CLASSES = {3: "triangle", 4: "diamond", 5: "pentagon", 6: "hexagon"}  # by the number of corners
IMAGES = 120  # of each class
REPORT, PAGE = "own-images-report.png", "own-images-page.png"
STAGES = [
    *("source", "download", "preprocess", "inspect", "tune", "study", "train", "calibrate", "evaluate"),
    *("export", "register", "package"),
]
# a small net is enough for four shapes; the rest is as `data use` proposes
SMALL = ("model.widths=[32,64,64]", "model.convolutions=2", "train.epochs=24", "train.low_resolutions=[]")
VIEW: dict[str, Any] = {"viewport": {"width": 1180, "height": 900}, "color_scheme": "light"}


def main() -> None:
    """Write the screenshots into docs/."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, default=PROJECT / "docs")
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory(prefix="darkroom-screenshots-") as place, chromium() as browser:
        checkout = run_on_shapes(Path(place))
        tag = read_json(checkout.root / "reports/bento.json")["tag"]
        save(folder / REPORT, of_report(browser, checkout.root / "reports/data.html"))
        with serve_bento(checkout.root / ".bentoml", tag) as url:
            save(folder / PAGE, of_page(browser, url))


def run_on_shapes(place: Path) -> Checkout:
    """Draw a folder of shapes, two of them in the wrong folder, and run every stage on it."""
    random = np.random.default_rng(0)
    files = {}
    for corners, name in CLASSES.items():
        for number in range(IMAGES):
            wrong = name == "diamond" and number in (7, 80)
            label = "hexagon" if wrong else name
            files[f"{label}/{name}-{number:03d}.png" if wrong else f"{label}/{number:03d}.png"] = drawn(
                corners, random
            )
    files["triangle/broken.png"] = files["triangle/000.png"][:400]
    files["pentagon/Thumbs.db"] = b"x"
    write_files(place / "shapes", files)
    checkout = new_checkout(place / "checkout")
    checkout.run("darkroom", "data", "use", str(place / "shapes"))
    set_params(checkout.root / "params.yaml", SMALL)
    print(run_stages(checkout, STAGES))
    return checkout


def drawn(corners: int, random: np.random.Generator, side: int = 40) -> bytes:
    """Return the bytes of a PNG of a polygon."""
    file = io.BytesIO()
    Image.fromarray(shape(corners, random, side=side)).save(file, "PNG")
    return file.getvalue()


def of_report(browser: Browser, path: Path) -> bytes:
    """Return a screenshot of the upper part of the data report."""
    page = browser.new_page(viewport={"width": 940, "height": 1000}, color_scheme="light")
    page.goto(path.resolve().as_uri())
    return page.screenshot()


def of_page(browser: Browser, url: str) -> bytes:
    """Classify a few new shapes and return a screenshot of the page."""
    context = browser.new_context(reduced_motion="reduce", **VIEW)
    page = context.new_page()
    page.goto(url)
    random = np.random.default_rng(1)
    for count, (corners, name) in enumerate([*CLASSES.items(), (5, "pentagon")], 1):
        content = drawn(corners, random, side=240)
        page.set_input_files("#file", {"name": f"{name}.png", "mimeType": "image/png", "buffer": content})
        expect(page.locator("#sheet li")).to_have_count(count)
    settle(page)
    return page.screenshot(full_page=True)


def save(path: Path, png: bytes) -> None:
    """Write a screenshot, made small."""
    image = small(png)
    with atomic_write(path) as file:
        file.write(image)
    print(f"{path.name}: {len(image):,} bytes")


if __name__ == "__main__":
    main()
