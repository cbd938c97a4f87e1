"""The prediction log: bounded, rotating, whole after kills, and never in the way of an answer."""

import asyncio
import base64
import io
import logging
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from darkroom.images.statistics import STATISTICS, measure
from darkroom.serving.http.app import create_app
from darkroom.serving.metrics import LOG_DROPPED
from darkroom.serving.monitoring import monitor as watch_module
from darkroom.serving.monitoring.monitor import Monitor
from darkroom.serving.monitoring.prediction_log import PredictionLog, read_predictions
from darkroom.serving.prediction.engine import Engine
from darkroom.serving.prediction.model import Classifier
from darkroom.serving.settings import read_settings
from tests.helpers.serving import CIFAR, encoded, random_image, write_champion
from tests.helpers.waiting import eventually


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    folder = tmp_path_factory.mktemp("log")
    write_champion(
        folder, name="cifar10", classes=CIFAR, height=32, width=32, channels=3, heat=True, confident_from=0.47
    )
    return Classifier(folder, threads=1)


def ask(classifier: Classifier, store: PredictionLog, *, images: int = 1, keep: bool = False) -> list[Any]:
    """Send one image and, of more, the rest together; return the answers when the log is written."""

    async def send() -> list[Any]:
        app = create_app()
        app.state.engine = Engine(classifier, queue_seconds=60)
        app.state.monitor = Monitor(classifier, store=store, keep_images=keep)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            answers = [await client.post("/predict", files={"image": encoded(random_image(seed=1))})]
            more = [("images", encoded(random_image(seed=seed))) for seed in range(2, images + 1)]
            if more:
                answers.append(await client.post("/predict_batch", files=more))
        app.state.monitor.close()
        return answers

    answers = asyncio.run(send())
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    return [answer.json() for answer in answers]


def dropped(reason: str) -> float:
    return float(LOG_DROPPED.labels(reason)._value.get())


def test_a_line_tells_what_was_answered_and_how_the_image_is(classifier: Classifier, tmp_path: Path) -> None:
    one, several = ask(classifier, PredictionLog(tmp_path, limit=1_000_000), images=3)
    lines = list(read_predictions(tmp_path))
    assert [line["route"] for line in lines] == ["/predict", "/predict_batch", "/predict_batch"]
    for number, (line, said) in enumerate(zip(lines, [one, *several["predictions"]], strict=True)):
        assert line["time"].endswith("+00:00")
        assert line["model"] == {"name": "cifar10", "version": "3"}
        assert line["class"] == said["classes"][0]["class"]
        assert line["probability"] == pytest.approx(said["classes"][0]["probability"], abs=1e-4)
        assert line["confident"] is said["confident"]
        expected = measure(random_image(seed=number + 1)[None])[0]
        np.testing.assert_allclose([line["image"][name] for name in STATISTICS], expected, atol=1e-4)
        upload = {
            "format": "PNG",
            "width": 32,
            "height": 32,
            "bytes": len(encoded(random_image(seed=number + 1))),
        }
        assert line["upload"] == upload
        assert "png" not in line


def test_images_are_kept_only_where_that_is_asked_for(classifier: Classifier, tmp_path: Path) -> None:
    ask(classifier, PredictionLog(tmp_path, limit=1_000_000), keep=True)
    (line,) = read_predictions(tmp_path)
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(line["png"]))))
    np.testing.assert_array_equal(pixels, random_image(seed=1))


def lines_of(worker: int, first: int, count: int) -> list[bytes]:
    return [
        b'{"worker": %d, "number": %d, "fill": "%s"}\n' % (worker, number, b"x" * 60)
        for number in range(first, first + count)
    ]


def test_it_rotates_and_stays_under_its_limit(tmp_path: Path) -> None:
    store = PredictionLog(tmp_path, limit=20_000)
    for first in range(0, 1000, 10):
        store.append(lines_of(0, first, 10))
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 20_000
    numbers = [line["number"] for line in read_predictions(tmp_path)]
    assert numbers == list(range(numbers[0], 1000)), "the newest, in order, none missing"
    assert len(numbers) * len(lines_of(0, 900, 1)[0]) > 15_000
    with pytest.raises(OSError, match="half of what the log may take"):
        store.append([b"x" * 11_000])


CALLS = 50  # of a writer before it is killed amid the next
WRITER = """
import sys
from pathlib import Path
from darkroom.serving.monitoring.prediction_log import PredictionLog
store, worker, first = PredictionLog(Path(sys.argv[1]), limit=int(sys.argv[3])), int(sys.argv[2]), 0
while True:
    numbers = range(first, first + 20)
    store.append([b'{"worker": %d, "number": %d, "fill": "%s"}\\n' % (worker, n, b"x" * 60) for n in numbers])
    first += 20
    print(first, flush=True)
"""


def test_several_writers_that_are_killed_leave_whole_lines(tmp_path: Path) -> None:
    """Two write at once, each is killed again and again; what a call returned for is there, once."""
    told: dict[int, int] = {}
    for round_ in range(3):
        writers = {}
        for worker in (2 * round_, 2 * round_ + 1):
            command = [sys.executable, "-c", WRITER, str(tmp_path / "log"), str(worker), "50000000"]
            writers[worker] = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for worker, process in writers.items():  # which go on writing meanwhile
            assert process.stdout is not None
            told[worker] = max(int(process.stdout.readline()) for _ in range(CALLS))
        for worker, process in writers.items():
            assert process.poll() is None, "it ended before it could be killed"
            process.send_signal(signal.SIGKILL)
            printed, _ = process.communicate()
            told[worker] = max([told[worker], *map(int, printed.split())])
    # as a kill within a write leaves it
    with open(tmp_path / "log/predictions.jsonl", "ab") as file:
        file.write(b'{"worker": 9, "num')
    PredictionLog(tmp_path / "log", limit=50_000_000).append(lines_of(7, 0, 1))
    found: dict[int, list[int]] = {}
    for line in read_predictions(tmp_path / "log"):
        found.setdefault(line["worker"], []).append(line["number"])
    assert found.pop(7) == [0]
    for worker, last in told.items():
        assert found[worker][:last] == list(range(last))
        assert len(set(found[worker])) == len(found[worker])
    assert 9 not in found


def test_a_full_disk_is_counted_said_once_and_stops_nothing(
    classifier: Classifier, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    current = tmp_path / "predictions.jsonl"
    current.symlink_to("/dev/full")  # each write there fails as on a full disk
    before = dropped("disk")
    store = PredictionLog(tmp_path, limit=1_000_000)
    watch = Monitor(classifier, store=store)
    done = asyncio.run(Engine(classifier, queue_seconds=60).explain([encoded(random_image())]))

    def offered(count: int) -> None:
        for _ in range(count):  # one after another, so that each is written by itself
            watch.offer("/predict", done)
            eventually(lambda: not watch._bytes, "what was offered is looked at", seconds=30)

    with caplog.at_level(logging.WARNING, logger="darkroom"):
        offered(2)
        assert dropped("disk") == before + 2
        (said,) = caplog.messages
        assert "No space left on device" in said
        current.unlink()  # there is room again
        offered(1)
        assert len(caplog.messages) == 1
    watch.close()
    assert dropped("disk") == before + 2
    assert len(list(read_predictions(tmp_path))) == 1


def test_what_a_full_disk_took_of_a_batch_is_taken_back(tmp_path: Path) -> None:
    """The kernel itself stops the file at 1,000 bytes, within a line."""
    store = PredictionLog(tmp_path, limit=1_000_000)
    store.append(lines_of(0, 0, 5))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        with pytest.raises(OSError, match="File too large"):
            store.append(lines_of(0, 5, 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (tmp_path / "predictions.jsonl").read_bytes() == b"".join(lines_of(0, 0, 5))
    store.append(lines_of(0, 5, 1))
    assert [line["number"] for line in read_predictions(tmp_path)] == [0, 1, 2, 3, 4, 5]


def test_answers_beyond_what_may_wait_are_left_out_and_counted(
    classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "HELD_BYTES", 2 * 32 * 32 * 3)
    before = dropped("busy")
    ask(classifier, PredictionLog(tmp_path, limit=1_000_000), images=5)
    assert [line["route"] for line in read_predictions(tmp_path)] == ["/predict"]
    assert dropped("busy") == before + 4


def test_the_log_is_a_setting() -> None:
    assert read_settings({}, cores=1).log is None
    settings = read_settings({"DARKROOM_LOG": "/data/log", "DARKROOM_LOG_MB": "5"}, cores=1)
    assert (settings.log, settings.log_bytes, settings.log_images) == (Path("/data/log"), 5_000_000, False)
    assert read_settings({"DARKROOM_LOG_IMAGES": "1"}, cores=1).log_images
    for name, value in (("LOG", "here"), ("LOG_MB", "0"), ("LOG_IMAGES", "yes")):
        with pytest.raises(ValueError, match=f"DARKROOM_{name} is '{value}'"):
            read_settings({f"DARKROOM_{name}": value}, cores=1)
