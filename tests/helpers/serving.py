"""Helpers for tests of the service: small models that need no training, real Bentos and real servers."""

import atexit
import functools
import hashlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import darkroom.images.formats  # so that `encoded` can write HEIC  # noqa: F401
from darkroom.reporting.card_page import card_page
from darkroom.serving.monitoring.reference_building import build_reference
from darkroom.serving.monitoring.reference_file import reference_to_json
from darkroom.serving.prediction.runtime import Graph
from darkroom.serving.process.bento import bento_version, build_bento
from tests.helpers.waiting import answers, eventually

PROJECT = Path(__file__).resolve().parents[2]
CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
DIGITS = tuple("0123456789")
LABELS = ("beach", "Café <b>", "harbour", "road", "tree")
MANY = ("Füchse <b>", *(f"class {number}" for number in range(999)))
# of the `cifar10` Bento: random_image() is above it, random_image(seed=2) and random_image(seed=5) are below
CONFIDENT_FROM = 0.47
CARD = """# Model card: <things>

A small card.

## Per class

| class | precision | recall (95 % interval) | F1 | images |
| --- | --- | --- | --- | --- |
| automobile | 97.20 % | 97.10 % (95.87 to 97.97 %) | 97.15 % | 1,000 |

![Figure](<figure.png>)
"""


def linear_graph(height: int, width: int, channels: int, classes: int, *, seed: int = 0) -> onnx.ModelProto:
    """Return uint8 [batch,H,W,C] -> softmax of a random linear map, float32 [batch,classes]."""
    weights = np.random.default_rng(seed).normal(0, 0.6, (height * width * channels, classes))
    # scaled so that different images get different predictions that are not too certain
    weights = (weights / np.sqrt(len(weights)) * 6).astype(np.float32)
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["floats", "scale"], ["scaled"]),
        helper.make_node("Flatten", ["scaled"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", height, width, channels])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", classes])],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.asarray(255, dtype=np.float32), "scale"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def with_sigmoids(model: onnx.ModelProto) -> onnx.ModelProto:
    """Give each class of a graph of `linear_graph` a probability of its own, as labels have."""
    softmax = next(node for node in model.graph.node if node.op_type == "Softmax")
    softmax.op_type = "Sigmoid"
    del softmax.attribute[:]
    return model


def with_heat(
    model: onnx.ModelProto, height: int, width: int, channels: int, classes: int
) -> onnx.ModelProto:
    """Add heat maps to a graph of `linear_graph`: the contribution of 8 x 8 cells to each class."""
    graph = model.graph
    weights = numpy_helper.to_array(next(array for array in graph.initializer if array.name == "weights"))
    cell = [height // 8, width // 8]
    by_class = np.moveaxis(weights.reshape(height, width, channels, classes), -1, 0) * np.float32(
        np.prod(cell)
    )
    for name, array in (("by_class", by_class), ("one", np.array([1])), ("last", np.array([4]))):
        graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
    graph.node.extend(
        [
            helper.make_node("Unsqueeze", ["scaled", "one"], ["expanded"]),
            helper.make_node("Mul", ["expanded", "by_class"], ["contributions"]),
            helper.make_node("ReduceSum", ["contributions", "last"], ["by_pixel"], keepdims=0),
            helper.make_node("AveragePool", ["by_pixel"], ["heat"], kernel_shape=cell, strides=cell),
        ]
    )
    graph.output.append(helper.make_tensor_value_info("heat", TensorProto.FLOAT, ["batch", classes, 8, 8]))
    return model


def with_embedding(model: onnx.ModelProto) -> onnx.ModelProto:
    """Add an embedding to a graph of `linear_graph`: twelve random projections of the pixels."""
    graph = model.graph
    weights = numpy_helper.to_array(next(array for array in graph.initializer if array.name == "weights"))
    directions = np.random.default_rng(1).normal(0, 0.1, (len(weights), 12)).astype(np.float32)
    graph.initializer.append(numpy_helper.from_array(directions, "directions"))
    graph.node.append(helper.make_node("MatMul", ["flat", "directions"], ["embedding"]))
    graph.output.append(helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", 12]))
    return model


def slow_graph(height: int, width: int, channels: int, classes: int) -> onnx.ModelProto:
    """Return a graph with the outputs of `linear_graph` that takes milliseconds to compute."""
    graph = linear_graph(height, width, channels, classes)
    random = np.random.default_rng(0)
    # convolutions whose result is multiplied by almost zero and added
    sizes = [channels, *[64] * 6, channels]
    nodes = [helper.make_node("Transpose", ["scaled"], ["c0"], perm=[0, 3, 1, 2])]
    for i, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        weights = random.normal(0, 0.05, (fan_out, fan_in, 3, 3)).astype(np.float32)
        graph.graph.initializer.append(numpy_helper.from_array(weights, f"w{i}"))
        nodes.append(helper.make_node("Conv", [f"c{i}", f"w{i}"], [f"d{i}"], pads=[1] * 4))
        nodes.append(helper.make_node("Relu", [f"d{i}"], [f"c{i + 1}"]))
    graph.graph.initializer.append(numpy_helper.from_array(np.asarray(1e-30, np.float32), "little"))
    nodes += [
        helper.make_node("Transpose", [f"c{len(sizes) - 1}"], ["back"], perm=[0, 2, 3, 1]),
        helper.make_node("Mul", ["back", "little"], ["nothing"]),
        helper.make_node("Add", ["scaled", "nothing"], ["detoured"]),
    ]
    flatten = next(node for node in graph.graph.node if node.op_type == "Flatten")
    flatten.input[0] = "detoured"
    place = list(graph.graph.node).index(flatten)
    for node in reversed(nodes):
        graph.graph.node.insert(place, node)
    return graph


def write_champion(
    folder: Path,
    *,
    name: str,
    classes: tuple[str, ...],
    height: int,
    width: int,
    channels: int,
    card: bool = False,
    slow: bool = False,
    heat: bool = False,
    reference: bool = False,
    **extra: Any,
) -> None:
    """Write a model.onnx and model.json as the register stage does, and optionally a card and a reference.

    The reference for drift is built from images of `random_image`, with an embedding.
    """
    make = slow_graph if slow else linear_graph
    model = make(height, width, channels, len(classes))
    if extra.get("labels") == "several":
        model = with_sigmoids(model)
    if heat:
        model = with_heat(model, height, width, channels, len(classes))
    if reference:
        model = with_embedding(model)
    content = model.SerializeToString()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(content)
    about = {
        "name": name,
        "version": "3",
        "classes": list(classes),
        "height": height,
        "width": width,
        "channels": channels,
        "architecture": "fast",
        "views": 1,
        "sha256": hashlib.sha256(content).hexdigest(),
        "parameters": height * width * channels * len(classes),
        "test": {"accuracy": 0.9371, "interval": [0.9322, 0.9417], "images": 10000},
        "run_id": "0" * 32,
    } | extra
    (folder / "model.json").write_text(json.dumps(about), encoding="utf-8")
    if reference:
        pixels = np.stack(
            [random_image(height, width, channels, seed=seed) for seed in range(10_000, 10_600)]
        )
        answer = Graph(content, threads=1).explain(pixels)
        made = build_reference(pixels, answer, classes=classes, sha256=str(about["sha256"]))
        (folder / "reference.json").write_text(json.dumps(reference_to_json(made)), encoding="utf-8")
    if card:
        (folder / "figure.png").write_bytes(encoded(random_image(60, 900)))
        page = card_page(CARD, folder=folder, title=f"Model card: {name}")
        (folder / "card.html").write_text(page, encoding="utf-8")


def write_project(folder: Path) -> None:
    """Copy the files that a Bento is built from, without a model."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "src", folder / "src", ignore=ignore)
    (folder / "requirements").mkdir()
    for name in ("bentofile.yaml", "requirements/serve.txt"):
        shutil.copy(PROJECT / name, folder / name)


@functools.cache
def bento_of(kind: str) -> tuple[Path, str, Path]:
    """Return the store, tag and archive of the Bento of a small model, by its name.

    `digits` is as older versions are: without a card, without `confident_from` and without heat maps, which
    `cifar10` has. `slow` answers as `cifar10` does, after a while, and so does `monitored`, which has a
    reference for drift. `labels` gives an image several of `LABELS`. `many` has `MANY` classes, and pads
    images to a wide input.
    """
    root = Path(tempfile.mkdtemp(prefix=f"darkroom-{kind}-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    project, home, archive = root / "project", root / "home", root / "darkroom.bento"
    write_project(project)
    if kind == "many":
        shape: dict[str, Any] = {"classes": MANY, "height": 16, "width": 32, "channels": 3}
        shape |= {"heat": True, "fit": "pad"}
    elif kind == "labels":
        shape = {"classes": LABELS, "height": 32, "width": 32, "channels": 3, "heat": True}
        shape |= {"labels": "several", "thresholds": [0.3, 0.5, 0.5, 0.62, 0.99]}
        shape |= {"uncertain": [[0.2, 0.45], [0.4, 0.6], None, [0.5, 0.7], [0.9, 1.0]]}
    elif kind != "digits":
        shape = {"classes": CIFAR, "height": 32, "width": 32, "channels": 3}
        shape |= {"confident_from": CONFIDENT_FROM, "card": True, "heat": kind == "cifar10"}
        shape |= {"slow": kind in ("slow", "monitored"), "reference": kind == "monitored"}
    else:
        shape = {"classes": DIGITS, "height": 8, "width": 8, "channels": 1}
    write_champion(project / "models/champion", name=kind, **shape)
    version = bento_version(project, "3")
    built = build_bento(project, name=f"darkroom-{kind}", version=version, archive=archive, home=home)
    return home, built["tag"], archive


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serve_bento(
    home: Path,
    target: str,
    *,
    cwd: Path | None = None,
    wait: float = 90,
    settings: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Serve the Bento `target` of the store `home` with the real `bentoml serve`; yield its address."""
    with serving(home, target, cwd=cwd, wait=wait, settings=settings) as (url, _):
        yield url


@contextmanager
def serving(
    home: Path,
    target: str,
    *,
    cwd: Path | None = None,
    wait: float = 90,
    settings: Mapping[str, str] | None = None,
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Do what `serve_bento` does, with one worker by default; also yield the supervisor's process."""
    port = free_port()
    environment = {
        **os.environ,
        "BENTOML_HOME": str(home),
        "BENTOML_DO_NOT_TRACK": "True",
        "OTEL_SDK_DISABLED": "true",
        "DARKROOM_WORKERS": "1",
        **(settings or {}),
    }
    environment.pop("PYTHONPATH", None)  # the Bento must be self-contained
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile("w+") as log:
        # without --host: the service's own default is loopback
        command = [sys.executable, "-m", "bentoml", "serve", target, "--port", str(port)]
        server = subprocess.Popen(
            command,
            env=environment,
            cwd=cwd or home,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            eventually(
                lambda: answers(url + "/readyz"),
                lambda: f"`bentoml serve {target}` is not ready:\n{_whole(log)[-6000:]}",
                seconds=wait,
                process=server,
            )
            yield url, server
        finally:
            server.terminate()
            try:
                server.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()


def _whole(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def random_image(height: int = 32, width: int = 32, channels: int = 3, *, seed: int = 1) -> NDArray[np.uint8]:
    """Return smooth, asymmetric pixels: no rotation, reflection or crop of them looks the same."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0 : 1 : 1j * height, 0 : 1 : 1j * width]
    planes = []
    for _ in range(channels):
        a, b, c = random.uniform(40, 110, 3)
        planes.append(a * x + b * y * y + c * x * y)
    pixels: NDArray[np.uint8] = np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)
    return pixels


def encoded(image: Image.Image | NDArray[np.uint8], kind: str = "PNG", **options: Any) -> bytes:
    """Return an image as the bytes of a file of format `kind`."""
    if not isinstance(image, Image.Image):
        image = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
