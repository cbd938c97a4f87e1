"""Make the figures of the monitoring for the documentation: `python -m tests.page.monitoring_figures`.

It serves models/champion with two workers and a prediction log, lets a real Prometheus scrape it, and sends
test images: first as they are, then in fog. It then draws the dashboard from what Prometheus stored and
builds the drift report from the log. It needs Prometheus and Chromium; no figure shows an image of the data
set.
"""

import argparse
import itertools
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import requests
from numpy.typing import NDArray
from playwright.sync_api import sync_playwright

from darkroom.data.splits import open_split
from darkroom.evaluation.corruptions.apply import corrupt
from darkroom.files import atomic_write, write_text
from darkroom.reporting.drift_report import drift_page
from darkroom.reporting.grafana import draw_dashboard
from darkroom.serving.monitoring.reference_file import read_reference
from tests.helpers.chromium import CHROMIUM, FLAGS
from tests.helpers.prometheus import prometheus, query
from tests.helpers.serving import PROJECT, encoded, serve_bento
from tests.helpers.waiting import eventually
from tests.page.screenshots import champion_bento, small


def main() -> None:
    """Write the figures into docs/."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=150, help="of traffic (default %(default)s)")
    parser.add_argument("--strength", type=int, default=2, help="of the fog (default %(default)s)")
    parser.add_argument("--folder", type=Path, default=PROJECT / "docs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="darkroom-monitoring-") as scratch:
        folder = Path(scratch)
        settings = {"DARKROOM_WORKERS": "2", "DARKROOM_LOG": str(folder / "log")}
        home, tag = champion_bento(folder)
        with (
            serve_bento(home, tag, settings=settings) as url,
            prometheus(url, folder / "prometheus") as server,
        ):
            start = time.time()
            half, sent = start + options.seconds / 2, 0
            for clear, foggy in clear_and_foggy(options.strength):
                if time.time() > start + options.seconds:
                    break
                image = clear if time.time() < half else foggy
                path = "/predict" if sent % 10 else "/predict_batch"
                field = "image" if sent % 10 else "images"
                requests.post(url + path, files={field: encoded(image)}, timeout=60)
                if sent % 40 == 0:
                    requests.post(url + "/predict", files={"image": b"no image"}, timeout=60)
                sent += 1
            counted = "sum(darkroom_predictions_total)"
            eventually(
                lambda: sum(query(server, counted).values()) == sent,
                lambda: f"Prometheus counts all {sent} images: {query(server, counted)}",
            )
            print(f"{sent} images; drift: {query(server, 'darkroom_drift')}")
            print(f"alerts: {query(server, 'ALERTS')}")
            draw_dashboard(options.folder / "dashboard.png", server, start=start, end=time.time(), rate="15s")
        reference = read_reference(PROJECT / "models/champion/reference.json")
        page, verdict = drift_page(folder / "log", reference)
        print(verdict)
        write_text(folder / "drift.html", page)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            view = browser.new_page(viewport={"width": 900, "height": 1000}, color_scheme="light")
            view.goto((folder / "drift.html").as_uri())
            shot = small(view.screenshot(full_page=True))
            browser.close()
        with atomic_write(options.folder / "drift-report.png") as file:
            file.write(shot)


def clear_and_foggy(strength: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Yield test images, endlessly and in random order, each as it is and in fog."""
    test = open_split(PROJECT / "data/test")
    order = np.random.default_rng(0).permutation(len(test))
    for start in itertools.count(0, 100):
        chosen = np.asarray(test.images[order[np.arange(start, start + 100) % len(order)]])
        yield from zip(chosen, corrupt(chosen, "fog", strength, seed=start), strict=True)


if __name__ == "__main__":
    main()
