"""A model's whole life, by the commands that people type: `make test-life`; docs/life.md tells one.

The world has 500 handwritten digits that the pipeline never sees. Some arrive as the model knows them, ink on
paper; then others arrive as chalk on a blackboard.
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
from typing import Any

import numpy as np
import pandas as pd
import pytest
import requests
import yaml
from numpy.typing import NDArray
from PIL import Image

from darkroom.cli.quickstart import SMALL
from darkroom.data.sources.digits import read as read_digits
from darkroom.data.splits import Split, open_split
from darkroom.files import read_json, write_json
from tests.helpers.checkouts import Checkout, commit, new_checkout
from tests.helpers.serving import encoded, free_port
from tests.helpers.waiting import answers, eventually
from tests.page.screenshots import shoot_files
from tests.serving.process.test_supervisor import Load, wait_for_the_old_one

WORLD = 500  # digits that are not the pipeline's
CORRECTED = 200  # of those on the blackboard people say what they are
WRONG = 20  # of these people say something wrong
LEAKS = 10  # images of the test set that somebody sends as feedback
LOOK = 25  # images from one look at the drift to the next
HELD = 100  # on the blackboard, never sent as feedback

pytestmark = [pytest.mark.life, pytest.mark.timeout(1800)]


def tell(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def split_off_the_world(checkout: Checkout, folder: Path) -> Split:
    """Take digits away from the downloaded ones, so that there are some that no stage has seen."""
    checkout.run("dvc", "repro", "download")
    path = checkout.root / "data/raw/digits.csv.gz"
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    order = np.random.default_rng(0).permutation(len(lines))
    world, left = sorted(order[:WORLD]), sorted(order[WORLD:])
    folder.mkdir()
    for place, rows in ((folder / "digits.csv.gz", world), (path, left)):
        place.unlink(missing_ok=True)  # DVC links it to its cache
        place.write_bytes(gzip.compress(b"".join(lines[row] for row in rows), mtime=0))
    source = read_json(checkout.root / "data/source.json")
    (checkout.root / "data/source.json").unlink()
    about = {"source": f"{source['source']}, less {WORLD}", "official": False}
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
        self.said = folder / "service.txt"
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
        with open(self.said, "w") as said:
            server = subprocess.Popen(
                command, cwd=self.checkout.root, env=self.environment, stdout=said, stderr=subprocess.STDOUT
            )
            try:
                ready = f"{self.url}/readyz"
                eventually(lambda: answers(ready), self.said.read_text, seconds=120, process=server)
                yield
            finally:
                server.terminate()
                assert server.wait(timeout=90) == 0, self.said.read_text()

    def version(self) -> str:
        return str(requests.get(f"{self.url}/model", timeout=30).json()["version"])

    def measured(self, name: str) -> float:
        """Return the sum of a metric's values, as Prometheus sees them."""
        lines = requests.get(f"{self.url}/metrics", timeout=30).text.splitlines()
        values = [float(line.split()[-1]) for line in lines if line.startswith((name + " ", name + "{"))]
        assert values, f"there is no {name} at /metrics"
        return sum(values)

    def drift(self) -> float:
        """Return, once all images are looked at, the gauge of drift: from 1 on it is an alarm."""
        looked_at = "darkroom_log_lines_total"
        eventually(lambda: self.measured(looked_at) == self.sent, f"{self.sent} images are looked at")
        return self.measured("darkroom_drift")

    def predict(self, images: Iterable[NDArray[np.uint8]]) -> list[str]:
        classes = []
        for pixels in images:
            answer = requests.post(f"{self.url}/predict", files={"image": encoded(pixels)}, timeout=30)
            answer.raise_for_status()
            self.sent += 1
            classes.append(answer.json()["classes"][0]["class"])
        return classes

    def say(self, pixels: NDArray[np.uint8], label: str) -> None:
        """Send feedback with an image that is larger than what the model sees, as photographs are."""
        image = Image.fromarray(pixels[..., 0]).resize((64, 64), Image.Resampling.NEAREST)
        sent = {"image": encoded(image)}
        answer = requests.post(f"{self.url}/feedback", files=sent, data={"class": label}, timeout=30)
        assert answer.status_code == 201, answer.text

    def change(self) -> None:
        """Change what is served to the champion, under load, and tell what happened."""
        load = Load(self.url)
        with load.running():
            eventually(load.versions.total, "there is load")
            said = darkroom(self.checkout, "deploy", "--port", str(self.port))
            wait_for_the_old_one(Path(self.environment["BENTOML_HOME"]), self.port)
        tell(f"   {said}")
        versions = ", ".join(f"{count} by version {name}" for name, count in load.versions.items())
        tell(f"   meanwhile {versions}; {len(load.failures)} failed")
        assert load.failures == []
        assert set(load.versions) == {"1", "2"}


def darkroom(checkout: Checkout, *arguments: str) -> str:
    """Run `python -m darkroom`; return what it printed."""
    return checkout.run("python", "-m", "darkroom", *arguments).stdout.strip()


def accuracy(answers: Sequence[str], labels: NDArray[np.int64]) -> float:
    return float(np.mean([answer == str(label) for answer, label in zip(answers, labels, strict=True)]))


def review(checkout: Checkout, service: Service, truth: dict[str, str]) -> str:
    """Decide in the table on every image, as somebody does who sees what is on it."""
    folder = ("--folder", str(service.feedback))
    table = service.feedback.parent / "review.csv"
    gallery = service.feedback.parent / "gallery.html"
    darkroom(checkout, "feedback", "list", *folder, "--table", str(table), "--gallery", str(gallery))
    rows = pd.read_csv(table, dtype=str, keep_default_na=False)
    for row in rows.index:
        right = truth[rows.loc[row, "sha256"]]
        rows.loc[row, ["decision", "class"]] = (
            ["confirm", ""] if rows.loc[row, "reported"] == right else ["correct", right]
        )
    rows.to_csv(table, index=False)
    return darkroom(checkout, "feedback", "review", *folder, "--table", str(table))


def test_a_model_s_whole_life(tmp_path: Path) -> None:
    checkout = new_checkout(tmp_path / "checkout")
    checkout.environment.update(OMP_NUM_THREADS="1", BENTOML_HOME=str(checkout.root / ".bentoml"))
    configure(checkout)
    world = split_off_the_world(checkout, tmp_path / "world")
    paper = world.first(WORLD - CORRECTED - HELD)
    board = [blackboard(image) for image in world.images[len(paper) :]]
    labels = world.labels[len(paper) :]

    tell("1. the first champion")
    checkout.run("dvc", "repro")
    first = read_json(checkout.root / "reports/metrics.json")["test"]
    verdict = read_json(checkout.root / "reports/registered.json")["verdict"]["words"]
    tell(f"   test accuracy {first['accuracy']:.2%}; the gate: {verdict}")
    checkout.run("git", "add", "-A")
    commit(checkout, "Keep the first champion")

    service = Service(checkout, tmp_path)
    with service.running():
        tell("2. it serves, and the world sends ink on paper, then chalk on a blackboard")
        as_trained = accuracy(service.predict(paper.images), paper.labels)
        tell(f"   right on paper: {as_trained:.1%} of {len(paper)}; drift {service.drift():.2f}")
        assert service.drift() < 1, "an alarm about images like those of the test set"
        answers, noticed = [], 0
        for number, pixels in enumerate(board, 1):
            answers += service.predict([pixels])
            if not noticed and number % LOOK == 0 and service.drift() >= 1:
                noticed = number
        before = accuracy(answers, labels)
        tell(f"   right on the blackboard: {before:.1%} of {len(board)}; drift {service.drift():.2f}")
        tell(f"   noticed after {noticed} of them")
        assert 0 < noticed <= len(board), "the shift was not noticed"
        tell(
            "   "
            + darkroom(
                checkout, "drift", "--log", str(service.log), "--html", str(tmp_path / "drift.html")
            ).replace("\n", "\n   ")
        )
        assert as_trained > 0.9
        assert before < as_trained - 0.3, "the shift does no harm: nothing to learn"

        tell("3. people say what the images are; some are wrong, and somebody sends test images")
        truth = send_feedback(checkout, service, board, labels)
        tell(f"   {len(truth)} images kept")
        tell(f"   {review(checkout, service, truth)}")
        tell("   " + darkroom(checkout, "feedback", "export", "--folder", str(service.feedback)))

        tell("4. dvc repro takes the corrections in")
        assert "preprocess" in checkout.run("dvc", "status").stdout
        checkout.run("dvc", "repro")
        data = read_json(checkout.root / "reports/data.json")["corrections"]
        tell(f"   of {data['found']} corrections {data['taken']} taken, {data['refused']} refused")
        assert data["found"] == len(truth), "a confirmed correction is lost"
        outcomes = pd.read_csv(checkout.root / "reports/corrections.csv")
        leaks = outcomes[outcomes["reason"].fillna("").str.contains("test image")]
        assert len(leaks) == LEAKS, "a test image got in"
        assert set(leaks["outcome"]) == {"refused"}
        assert data["taken"] >= CORRECTED - 5
        assert f"{data['taken']} of {data['found']}" in darkroom(checkout, "lineage", "2")
        second = read_json(checkout.root / "reports/metrics.json")["test"]
        registered = read_json(checkout.root / "reports/registered.json")
        tell(f"   test accuracy {second['accuracy']:.2%}; the gate: {registered['verdict']['words']}")
        if registered["champion"] != "2":  # no better on the test images, which are all ink on paper
            tell("   so somebody promotes it by hand, for what the test images do not show")
            darkroom(checkout, "promote", "2", "--why", "it reads the blackboard too")

        tell("5. it goes into service under load")
        service.change()
        assert service.version() == "2"
        held = board[CORRECTED:], labels[CORRECTED:]
        after = accuracy(service.predict(held[0]), held[1])
        stays = accuracy(service.predict(paper.images), paper.labels)
        tell(f"   right on {HELD} others of the blackboard: {after:.1%}; on paper: {stays:.1%}")
        assert after > before + 0.2

        tell("6. and back")
        tell("   " + darkroom(checkout, "rollback").splitlines()[0])
        service.change()
        assert service.version() == "1"
    keep_the_pages(tmp_path)


def configure(checkout: Checkout) -> None:
    """Set the quickstart's parameters for good."""
    path = checkout.root / "params.yaml"
    tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    for change in SMALL:
        name, _, value = change.partition("=")
        *groups, leaf = name.split(".")
        place: Any = tree
        for group in groups:
            place = place[group]
        place[leaf] = yaml.safe_load(value)
    tree["tune"]["trials"] = 0
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")


def send_feedback(
    checkout: Checkout, service: Service, board: Sequence[NDArray[np.uint8]], labels: NDArray[np.int64]
) -> dict[str, str]:
    """Send corrections as people do; return what is really on each image that was kept."""
    test = open_split(checkout.root / "data/test")
    sent = [(board[n], str(labels[n]), n < WRONG) for n in range(CORRECTED)]
    sent += [(np.array(test.images[n]), str(test.labels[n]), False) for n in range(LEAKS)]
    truth: dict[str, str] = {}
    for pixels, label, wrong in sent:
        service.say(pixels, str((int(label) + 1) % 10) if wrong else label)
        lines = (service.feedback / "feedback.jsonl").read_text(encoding="utf-8").splitlines()
        truth[json.loads(lines[-1])["sha256"]] = label
    return truth


def keep_the_pages(folder: Path) -> None:
    """Write the documentation's images to the folder LIFE_PAGES, where that is set."""
    place = os.environ.get("LIFE_PAGES")
    if place:
        shoot_files({folder / "drift.html": Path(place) / "life-drift.png"})
