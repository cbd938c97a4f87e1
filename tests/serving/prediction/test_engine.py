"""Decoding, batching and the bounded queue, without a server."""

import asyncio
import threading
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from darkroom.images.decoding import load_for_model
from darkroom.images.formats import ImageError
from darkroom.images.resizing import Fit
from darkroom.serving.errors import RequestError
from darkroom.serving.metrics import DECODER_MESSAGES
from darkroom.serving.prediction import engine as engine_module
from darkroom.serving.prediction.engine import MAX_LARGE, Engine
from darkroom.serving.prediction.model import Classifier
from darkroom.serving.prediction.runtime import Prediction
from tests.helpers.serving import DIGITS, encoded, random_image, write_champion

SHAPE = (8, 8, 1)


class GatedClassifier:
    """A classifier whose model waits until the test opens it, and records its batch sizes."""

    def __init__(self, classifier: Classifier) -> None:
        self.inner, self.shape, self.classes = classifier, classifier.shape, classifier.classes
        self.fit = classifier.fit
        self.open, self.sizes = threading.Event(), list[int]()
        self.fails = 0

    def explain(self, images: NDArray[np.uint8]) -> Prediction:
        assert self.open.wait(30)
        self.sizes.append(len(images))
        if self.fails:
            self.fails -= 1
            raise RuntimeError("the model failed")
        return self.inner.explain(images)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    folder = tmp_path_factory.mktemp("engine")
    write_champion(folder, name="digits", classes=DIGITS, height=8, width=8, channels=1)
    return Classifier(folder, threads=1)


@pytest.fixture
def gate(classifier: Classifier) -> GatedClassifier:
    return GatedClassifier(classifier)


def engine_of(gate: Any, *, queue_seconds: float = 60) -> Engine:
    return Engine(gate, queue_seconds=queue_seconds)


def file(seed: int) -> bytes:
    return encoded(random_image(*SHAPE, seed=seed))


async def arrived(engine: Engine, count: int) -> None:
    """Wait until `count` requests wait for the model."""
    async with asyncio.timeout(30):
        while len(engine._batcher._waiting) < count:
            await asyncio.sleep(0.005)


def test_a_single_image_is_predicted_at_once(gate: GatedClassifier) -> None:
    gate.open.set()
    pixels, probabilities, seconds = asyncio.run(engine_of(gate).classify([file(1)]))
    np.testing.assert_array_equal(pixels[0], random_image(*SHAPE))
    np.testing.assert_allclose(probabilities, gate.inner.predict(random_image(*SHAPE)[None]), atol=1e-6)
    assert seconds > 0
    assert gate.sizes == [1]


def test_requests_that_arrive_while_the_model_works_are_predicted_together(gate: GatedClassifier) -> None:
    async def run() -> list[Any]:
        engine = engine_of(gate)
        first = asyncio.create_task(engine.classify([file(0)]))
        async with asyncio.timeout(30):
            while not engine._batcher._running:
                await asyncio.sleep(0.005)
        others = [asyncio.create_task(engine.classify([file(seed)])) for seed in range(1, 23)]
        await arrived(engine, 22)
        gate.open.set()
        return await asyncio.gather(first, *others)

    results = asyncio.run(run())
    assert gate.sizes == [1, 16, 4, 2], "the sizes of BATCHES, the largest first"
    for seed, (_, probabilities, _) in enumerate(results):
        alone = gate.inner.predict(random_image(*SHAPE, seed=seed)[None])
        np.testing.assert_allclose(probabilities, alone, atol=1e-6)  # each has its own prediction


def test_the_images_of_one_request_stay_together(gate: GatedClassifier) -> None:
    async def run() -> list[Any]:
        engine = engine_of(gate)
        calls = [[0], [1, 2, 3], list(range(4, 24)), [24]]
        tasks = []
        for number, seeds in enumerate(calls):
            tasks.append(asyncio.create_task(engine.classify([file(seed) for seed in seeds])))
            await arrived(engine, number)
        gate.open.set()
        return await asyncio.gather(*tasks)

    results = asyncio.run(run())
    assert gate.sizes == [1, 3, 20, 1]
    assert [len(probabilities) for _, probabilities, _ in results] == [1, 3, 20, 1]


def test_a_failing_model_fails_only_the_requests_of_its_batch(gate: GatedClassifier) -> None:
    async def run() -> None:
        engine = engine_of(gate)
        gate.fails = 1
        first = asyncio.create_task(engine.classify([file(0)]))
        async with asyncio.timeout(30):
            while not engine._batcher._running:
                await asyncio.sleep(0.005)
        second = asyncio.create_task(engine.classify([file(1)]))
        await arrived(engine, 1)
        gate.open.set()
        with pytest.raises(RuntimeError, match="the model failed"):
            await first
        await second
        assert engine._admitted == 0

    asyncio.run(run())


def test_a_cancelled_request_is_not_predicted(gate: GatedClassifier) -> None:
    async def run() -> None:
        engine = engine_of(gate)
        first = asyncio.create_task(engine.classify([file(0)]))
        async with asyncio.timeout(30):
            while not engine._batcher._running:
                await asyncio.sleep(0.005)
        cancelled, remaining = (asyncio.create_task(engine.classify([file(seed)])) for seed in (1, 2))
        await arrived(engine, 2)
        cancelled.cancel()
        await asyncio.sleep(0)
        gate.open.set()
        await asyncio.gather(first, remaining)
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert engine._admitted == 0

    asyncio.run(run())
    assert gate.sizes == [1, 1]


def test_the_queue_is_bounded_by_time_and_accepts_again_when_empty(gate: GatedClassifier) -> None:
    async def run() -> None:
        engine = engine_of(gate, queue_seconds=11)
        engine._batcher.seconds_per_image = 2
        tasks = [asyncio.create_task(engine.classify([file(seed)])) for seed in range(6)]
        await asyncio.sleep(0)
        with pytest.raises(RequestError, match="6 images are waiting already") as refused:
            engine.check()
        assert (refused.value.status, refused.value.code) == (503, "too_busy")
        assert refused.value.headers == {"Retry-After": "1"}
        with pytest.raises(RequestError):
            await engine.classify([file(9)])
        gate.open.set()
        await asyncio.gather(*tasks)
        await engine.classify([file(9)])

    asyncio.run(run())


def test_an_empty_queue_accepts_any_batch(gate: GatedClassifier) -> None:
    gate.open.set()
    engine = engine_of(gate, queue_seconds=0.05)
    engine._batcher.seconds_per_image = 10
    _, probabilities, _ = asyncio.run(engine.classify([file(seed) for seed in range(40)]))
    assert len(probabilities) == 40


def test_the_measured_seconds_follow_the_model(gate: GatedClassifier) -> None:
    gate.open.set()
    engine = engine_of(gate)
    engine._batcher.seconds_per_image = 10

    async def run() -> None:
        for seed in range(80):
            await engine.classify([file(seed)])

    asyncio.run(run())
    assert engine._batcher.seconds_per_image < 1


def test_large_images_wait_for_each_other_and_delay_no_small_one(
    gate: GatedClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate.open.set()
    large, hold, entered = encoded(Image.new("L", (1600, 1600), 90)), threading.Event(), threading.Event()

    def load(image: Image.Image, *, height: int, width: int, fit: Fit) -> Image.Image:
        if image.width == 1600:
            entered.set()
            assert hold.wait(30)
        return load_for_model(image, height=height, width=width, fit=fit)

    monkeypatch.setattr(engine_module, "load_for_model", load)

    async def run() -> None:
        engine = engine_of(gate)
        held = [asyncio.create_task(engine.classify([large])) for _ in range(MAX_LARGE)]
        async with asyncio.timeout(30):
            while engine._large < MAX_LARGE or not entered.is_set():
                await asyncio.sleep(0.005)
        _, probabilities, _ = await engine.classify([file(1)])  # overtakes them
        assert probabilities.shape == (1, 10)
        with pytest.raises(RequestError, match="large images are being decoded"):
            await engine.classify([large])
        hold.set()
        await asyncio.gather(*held)
        assert engine._large == engine._admitted == 0

    asyncio.run(run())


@pytest.mark.parametrize("bad", [b"bad", encoded(random_image(*SHAPE))[:-40]], ids=["header", "pixels"])
def test_a_bad_image_of_several_is_named(gate: GatedClassifier, bad: bytes) -> None:
    gate.open.set()
    engine = engine_of(gate)
    with pytest.raises(ImageError, match=r"Image 2 of 3: .* Nothing was classified"):
        asyncio.run(engine.classify([file(1), bad, file(2)]))
    with pytest.raises(ImageError, match=r"^(These|The file)"):
        asyncio.run(engine.classify([bad]))
    assert engine._admitted == 0


def test_what_decoders_say_is_counted_and_not_written(
    gate: GatedClassifier, capfd: pytest.CaptureFixture[str]
) -> None:
    before = DECODER_MESSAGES._value.get()
    whole = encoded(random_image(64, 64, 1), "TIFF", compression="tiff_lzw")
    start = whole.find(b"II*\0") + 8
    for seed in range(20):
        noise = np.random.default_rng(seed).integers(0, 256, 600, dtype=np.uint8).tobytes()
        with pytest.raises(ImageError, match="decoded"):
            asyncio.run(engine_of(gate).classify([whole[: start + 8] + noise + whole[start + 608 :]]))
    assert DECODER_MESSAGES._value.get() > before
    assert capfd.readouterr() == ("", "")
