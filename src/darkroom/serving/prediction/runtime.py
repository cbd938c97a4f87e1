"""The exported graph on OpenVINO: in fp32, or in bf16 where the machine computes in it.

Of the runtimes measured here it was the fastest: docs/serving.md has the figures.
"""

import sys
import threading
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Importing OpenVINO imports its tools, which send word of it to its makers over the network if they
# find this package. Nothing here calls those tools.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402  after the line above

# A shape seen for the first time costs milliseconds, so there are few. Larger ones gained nothing.
BATCHES = (16, 8, 4, 2, 1)
MORE = ("heat", "embedding")  # outputs that a graph may have beyond the first


class Prediction(NamedTuple):
    """What a graph says of N images, float32; None where it has no such output.

    Attributes:
        probabilities: `[N, classes]`.
        heat: heat maps, `[N, classes, rows, columns]`.
        embedding: what the last layer is given, `[N, features]`.
    """

    probabilities: NDArray[np.float32]
    heat: NDArray[np.float32] | None = None
    embedding: NDArray[np.float32] | None = None

    def part(self, start: int, stop: int) -> "Prediction":
        """Return the answer for some of the images."""
        return Prediction(*(None if array is None else array[start:stop] for array in self))  # type: ignore[arg-type]

    @staticmethod
    def joined(answers: Sequence["Prediction"]) -> "Prediction":
        """Return several answers of one graph as one."""
        columns = zip(*answers, strict=True)
        return Prediction(*(None if arrays[0] is None else np.concatenate(arrays) for arrays in columns))  # type: ignore[arg-type]


def computes_in_bf16() -> bool:
    """Tell whether this machine's CPU has instructions for bf16."""
    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class Graph:
    """An ONNX graph from images to probabilities, and perhaps more, compiled for this machine's CPU.

    Attributes:
        precision: of its arithmetic, `bf16` or `fp32`.
        explains: whether it has an output `heat`.
        input: name, type and shape of what it takes; None in a shape is any size.
    """

    def __init__(self, content: bytes, *, precision: str = "fp32", threads: int = 0) -> None:
        """Compile the graph.

        Args:
            content: of the ONNX file.
            precision: `bf16` is taken only where the machine computes in it; elsewhere it is fp32.
            threads: of the CPU for one run; 0 takes every core.

        Raises:
            ValueError: it has more inputs or outputs.
            RuntimeError: it is no graph that OpenVINO can read.
        """
        core = openvino.Core()
        native = precision == "bf16" and computes_in_bf16()
        self.precision = "bf16" if native else "fp32"
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if native else "f32",
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # several processes would all choose the same cores
        }
        compiled = core.compile_model(core.read_model(content, b""), "CPU", settings)
        self._places = {
            name: place
            for place, output in enumerate(compiled.outputs)
            for name in MORE
            if place and name in output.names
        }
        self.explains = "heat" in self._places
        if len(compiled.inputs) != 1 or len(compiled.outputs) != 1 + len(self._places):
            raise ValueError(
                f"the graph has {len(compiled.inputs)} inputs and {len(compiled.outputs)} outputs; needed: "
                f"one of each, or more outputs after the first, named {' or '.join(MORE)}"
            )
        (node,) = compiled.inputs
        shape = tuple(None if size.is_dynamic else size.get_length() for size in node.partial_shape)
        self.input: tuple[str, str, tuple[int | None, ...]] = (
            node.any_name,
            node.element_type.to_dtype().name,
            shape,
        )
        self._request = compiled.create_infer_request()
        self._lock = threading.Lock()

    def run(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probabilities, float32 `[N, classes]`, of uint8 `[N,H,W,C]` images.

        One run at a time: threads wait for each other.
        """
        return self.explain(images).probabilities

    def explain(self, images: NDArray[np.uint8]) -> Prediction:
        """Return all that the graph says of the images, of one run."""
        parts = []
        places = {"probabilities": 0, **self._places}
        with self._lock:
            for part in _parts(images):
                answer = self._request.infer([part], share_inputs=True)  # no copy
                arrays = {name: np.array(answer[place], dtype=np.float32) for name, place in places.items()}
                parts.append(Prediction(**arrays))
        return Prediction.joined(parts)


def _parts(images: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Cut images into batches of the sizes in `BATCHES`, the largest first."""
    start = 0
    while start < len(images):
        size = next(size for size in BATCHES if size <= len(images) - start)
        yield np.ascontiguousarray(images[start : start + size])
        start += size
