"""A model's life cycle with the commands that people type: `make test-life`; docs/life.md describes a run.

500 handwritten digits are set aside as images that users send; the pipeline never sees them. Some are sent as
the model was trained, ink on paper; then others as chalk on a blackboard.
"""

import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import requests
from numpy.typing import NDArray
from PIL import Image

from darkroom.cli.quickstart import SMALL
from darkroom.data.sources.digits import read as read_digits
from darkroom.data.splits import Split, open_split
from darkroom.files import read_json, write_json
from tests.helpers.checkouts import Checkout, commit, new_checkout
from tests.helpers.load import Load, wait_for_old_server
from tests.helpers.serving import encoded, free_port
from tests.helpers.waiting import answers, eventually
from tests.helpers.warm_stages import set_params
from tests.page.screenshots import shoot_files

USER_IMAGES = 500  # digits that users send
CORRECTED = 200  # of those on the blackboard that users send feedback on
WRONG = 20  # of these get a wrong class
LEAKS = 10  # images of the test set that are sent as feedback
CHECK_EVERY = 25  # images from one check of the drift to the next
HELD_OUT = 100  # on the blackboard, never sent as feedback

pytestmark = [pytest.mark.life, pytest.mark.timeout(1800)]


def report(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def set_user_images_aside(checkout: Checkout, folder: Path) -> Split:
    """Take digits out of the downloaded ones, so that there are some that no stage has seen."""
    checkout.run("dvc", "repro", "download")
    path = checkout.root / "data/raw/digits.csv.gz"
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    order = np.random.default_rng(0).permutation(len(lines))
    taken, left = sorted(order[:USER_IMAGES]), sorted(order[USER_IMAGES:])
    folder.mkdir()
    for place, rows in ((folder / "digits.csv.gz", taken), (path, left)):
        place.unlink(missing_ok=True)  # DVC links it to its cache
        place.write_bytes(gzip.compress(b"".join(lines[row] for row in rows), mtime=0))
    source = read_json(checkout.root / "data/source.json")
    (checkout.root / "data/source.json").unlink()
    about = {"source": f"{source['source']}, less {USER_IMAGES}", "official": False}
    write_json(checkout.root / "data/source.json", source | about)
    checkout.run("dvc", "commit", "-f", "download")
    checkout.run("dvc", "freeze", "download")
    raw = read_digits(folder)
    return Split(
        np.concatenate([raw.train.images, raw.test.images]),
        np.concatenate([raw.train.labels, raw.test.labels]),
    )


def blackboard(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a digit as chalk on a blackboard: light on dark, and fainter."""
    return (40 + (255 - pixels.astype(np.int64)) * 0.7).astype(np.uint8)


class Service:
    """The service of a checkout, as `make serve` starts it."""

    def __init__(self, checkout: Checkout, folder: Path) -> None:
        self.checkout, self.port = checkout, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.feedback, self.log = folder / "feedback", folder / "log"
        self.output = folder / "service.txt"
        self.sent = 0
        self.environment = {
            **checkout.environment,
            "DARKROOM_WORKERS": "2",
            "DARKROOM_FEEDBACK": str(self.feedback),
            "DARKROOM_LOG": str(self.log),
        }

    @contextmanager
    def running(self) -> Iterator[None]:
        command = [sys.executable, "-m", "darkroom.serving", "--port", str(self.port)]
        with open(self.output, "w") as output:
            server = subprocess.Popen(
                command, cwd=self.checkout.root, env=self.environment, stdout=output, stderr=subprocess.STDOUT
            )
            try:
                ready = f"{self.url}/readyz"
                eventually(lambda: answers(ready), self.output.read_text, seconds=120, process=server)
                yield
            finally:
                server.terminate()
                assert server.wait(timeout=90) == 0, self.output.read_text()

    def version(self) -> str:
        return str(requests.get(f"{self.url}/model", timeout=30).json()["version"])

    def metric(self, name: str) -> float:
        """Return the sum of a metric's values at /metrics."""
        lines = requests.get(f"{self.url}/metrics", timeout=30).text.splitlines()
        values = [float(line.split()[-1]) for line in lines if line.startswith((name + " ", name + "{"))]
        assert values, f"there is no {name} at /metrics"
        return sum(values)

    def drift(self) -> float:
        """Return the drift once all images are monitored: an alarm from 1 on."""
        monitored = "darkroom_log_lines_total"
        eventually(lambda: self.metric(monitored) == self.sent, f"{self.sent} images are monitored")
        return self.metric("darkroom_drift")

    def predict(self, images: Iterable[NDArray[np.uint8]]) -> list[str]:
        classes = []
        for pixels in images:
            response = requests.post(f"{self.url}/predict", files={"image": encoded(pixels)}, timeout=30)
            response.raise_for_status()
            self.sent += 1
            classes.append(response.json()["classes"][0]["class"])
        return classes

    def send_feedback(self, pixels: NDArray[np.uint8], label: str) -> None:
        """Send feedback with an image that is larger than the model's input, as photographs are."""
        image = Image.fromarray(pixels[..., 0]).resize((64, 64), Image.Resampling.NEAREST)
        sent = {"image": encoded(image)}
        response = requests.post(f"{self.url}/feedback", files=sent, data={"class": label}, timeout=30)
        assert response.status_code == 201, response.text

    def deploy(self) -> None:
        """Deploy the champion under load."""
        load = Load(self.url)
        with load.running():
            eventually(load.versions.total, "there is load")
            printed = darkroom(self.checkout, "deploy", "--port", str(self.port))
            wait_for_old_server(Path(self.environment["BENTOML_HOME"]), self.port)
        report(f"   {printed}")
        versions = ", ".join(
            f"{count} predictions by version {name}" for name, count in load.versions.items()
        )
        report(f"   meanwhile {versions}; {len(load.failures)} failed")
        assert load.failures == []
        assert set(load.versions) == {"1", "2"}


def darkroom(checkout: Checkout, *arguments: str) -> str:
    """Run `python -m darkroom`; return what it printed."""
    return checkout.run("python", "-m", "darkroom", *arguments).stdout.strip()


def accuracy(predicted: Sequence[str], labels: NDArray[np.int64]) -> float:
    return float(np.mean([found == str(label) for found, label in zip(predicted, labels, strict=True)]))


def review(checkout: Checkout, service: Service, truth: dict[str, str]) -> str:
    """Fill in the correct decision for every image in the table, and review it."""
    folder = ("--folder", str(service.feedback))
    table = service.feedback.parent / "review.csv"
    gallery = service.feedback.parent / "gallery.html"
    darkroom(checkout, "feedback", "list", *folder, "--table", str(table), "--gallery", str(gallery))
    rows = pd.read_csv(table, dtype=str, keep_default_na=False)
    for row in rows.index:
        correct = truth[rows.loc[row, "sha256"]]
        rows.loc[row, ["decision", "class"]] = (
            ["confirm", ""] if rows.loc[row, "reported"] == correct else ["correct", correct]
        )
    rows.to_csv(table, index=False)
    return darkroom(checkout, "feedback", "review", *folder, "--table", str(table))


def test_the_life_cycle_of_a_model(tmp_path: Path) -> None:
    checkout = new_checkout(tmp_path / "checkout")
    checkout.environment.update(OMP_NUM_THREADS="1", BENTOML_HOME=str(checkout.root / ".bentoml"))
    set_params(checkout.root / "params.yaml", [*SMALL, "tune.trials=0"])
    users = set_user_images_aside(checkout, tmp_path / "users")
    paper = users.first(USER_IMAGES - CORRECTED - HELD_OUT)
    board = [blackboard(image) for image in users.images[len(paper) :]]
    labels = users.labels[len(paper) :]

    report("1. the first champion")
    checkout.run("dvc", "repro")
    first = read_json(checkout.root / "reports/metrics.json")["test"]
    verdict = read_json(checkout.root / "reports/registered.json")["verdict"]["words"]
    report(f"   test accuracy {first['accuracy']:.2%}; the gate: {verdict}")
    checkout.run("git", "add", "-A")
    commit(checkout, "Keep the first champion")

    service = Service(checkout, tmp_path)
    with service.running():
        report("2. it serves, and users send ink on paper, then chalk on a blackboard")
        as_trained = accuracy(service.predict(paper.images), paper.labels)
        report(f"   correct on paper: {as_trained:.1%} of {len(paper)}; drift {service.drift():.2f}")
        assert service.drift() < 1, "an alarm on images like those of the test set"
        predicted, detected = [], 0
        for number, pixels in enumerate(board, 1):
            predicted += service.predict([pixels])
            if not detected and number % CHECK_EVERY == 0 and service.drift() >= 1:
                detected = number
        before = accuracy(predicted, labels)
        report(f"   correct on the blackboard: {before:.1%} of {len(board)}; drift {service.drift():.2f}")
        report(f"   detected after {detected} of them")
        assert 0 < detected <= len(board), "the shift was not detected"
        report(
            "   "
            + darkroom(
                checkout, "drift", "--log", str(service.log), "--html", str(tmp_path / "drift.html")
            ).replace("\n", "\n   ")
        )
        assert as_trained > 0.9
        assert before < as_trained - 0.3, (
            "the shift does not reduce the accuracy, so there is nothing to correct"
        )

        report("3. users send feedback; some of it is wrong, and some images are of the test set")
        truth = send_feedback(checkout, service, board, labels)
        report(f"   {len(truth)} images kept")
        report(f"   {review(checkout, service, truth)}")
        report("   " + darkroom(checkout, "feedback", "export", "--folder", str(service.feedback)))

        report("4. dvc repro trains with the corrections")
        assert "preprocess" in checkout.run("dvc", "status").stdout
        checkout.run("dvc", "repro")
        data = read_json(checkout.root / "reports/data.json")["corrections"]
        report(f"   of {data['found']} corrections {data['taken']} accepted, {data['refused']} refused")
        assert data["found"] == len(truth), "a confirmed correction is lost"
        outcomes = pd.read_csv(checkout.root / "reports/corrections.csv")
        leaks = outcomes[outcomes["reason"].fillna("").str.contains("test image")]
        assert len(leaks) == LEAKS, "a test image was accepted"
        assert set(leaks["outcome"]) == {"refused"}
        assert data["taken"] >= CORRECTED - 5
        assert f"{data['taken']} of {data['found']}" in darkroom(checkout, "lineage", "2")
        second = read_json(checkout.root / "reports/metrics.json")["test"]
        registered = read_json(checkout.root / "reports/registered.json")
        report(f"   test accuracy {second['accuracy']:.2%}; the gate: {registered['verdict']['words']}")
        if registered["champion"] != "2":  # no better on the test images, all of which are ink on paper
            report("   so it is promoted manually, because the test images do not show the gain")
            darkroom(checkout, "promote", "2", "--why", "it reads the blackboard too")

        report("5. it is deployed under load")
        service.deploy()
        assert service.version() == "2"
        held_out = board[CORRECTED:], labels[CORRECTED:]
        after = accuracy(service.predict(held_out[0]), held_out[1])
        stays = accuracy(service.predict(paper.images), paper.labels)
        report(f"   correct on {HELD_OUT} others on the blackboard: {after:.1%}; on paper: {stays:.1%}")
        assert after > before + 0.2

        report("6. rollback")
        report("   " + darkroom(checkout, "rollback").splitlines()[0])
        service.deploy()
        assert service.version() == "1"
    keep_screenshots(tmp_path)


def send_feedback(
    checkout: Checkout, service: Service, board: Sequence[NDArray[np.uint8]], labels: NDArray[np.int64]
) -> dict[str, str]:
    """Send feedback as users do; return the correct class of each image that was kept, by its SHA-256."""
    test = open_split(checkout.root / "data/test")
    sent = [(board[n], str(labels[n]), n < WRONG) for n in range(CORRECTED)]
    sent += [(np.array(test.images[n]), str(test.labels[n]), False) for n in range(LEAKS)]
    truth: dict[str, str] = {}
    for pixels, label, wrong in sent:
        service.send_feedback(pixels, str((int(label) + 1) % 10) if wrong else label)
        lines = (service.feedback / "feedback.jsonl").read_text(encoding="utf-8").splitlines()
        truth[json.loads(lines[-1])["sha256"]] = label
    return truth


def keep_screenshots(folder: Path) -> None:
    """Write the documentation's screenshots to the folder in LIFE_PAGES, if it is set."""
    place = os.environ.get("LIFE_PAGES")
    if place:
        shoot_files({folder / "drift.html": Path(place) / "life-drift.png"})
