"""The runtime of the exported graph: OpenVINO, in fp32, or in bf16 where the CPU has instructions for it.

It was the fastest of the runtimes measured; docs/serving.md has the figures.
"""

import sys
import threading
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Importing OpenVINO imports its tools, which send telemetry over the network if they find this package.
# Nothing here calls those tools.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402  after the line above

from ...machine import threads_for_libraries  # noqa: E402
from .views import ONE_VIEW, WEIGHT, blend  # noqa: E402

# The first run of a new shape costs milliseconds, so there are few sizes. Larger ones gained nothing.
BATCHES = (16, 8, 4, 2, 1)
OPTIONAL_OUTPUTS = ("heat", "embedding")  # outputs that a graph may have beyond the first


class Prediction(NamedTuple):
    """The outputs of a graph for N images, float32; None where the graph has no such output.

    Attributes:
        probabilities: `[N, classes]`, from 0 to 1.
        heat: heat maps in logits, `[N, classes, rows, columns]`.
        embedding: the input of the last layer, `[N, features]`.
    """

    probabilities: NDArray[np.float32]
    heat: NDArray[np.float32] | None = None
    embedding: NDArray[np.float32] | None = None

    def part(self, start: int, stop: int) -> "Prediction":
        """Return the prediction for the images from `start` up to `stop`.

        >>> Prediction(np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)).part(1, 2).probabilities.tolist()
        [[0.20000000298023224, 0.800000011920929]]
        """
        return Prediction(*(None if array is None else array[start:stop] for array in self))  # type: ignore[arg-type]

    def with_all_views(
        self, every: "Prediction", places: NDArray[np.intp], weight: NDArray[np.float32]
    ) -> "Prediction":
        """Return the prediction by one view with that by all views, `every`, for the images at `places`.

        All views have the share `weight` of their answers, [len(places)], from 0 to 1.
        """
        arrays = []
        for one, all_views in zip(self, every, strict=True):
            if one is not None and all_views is not None:
                one = one.copy()
                one[places] = blend(one[places], all_views, weight)
            arrays.append(one)
        return Prediction(*arrays)  # type: ignore[arg-type]

    @staticmethod
    def joined(predictions: Sequence["Prediction"]) -> "Prediction":
        """Return several predictions of one graph as one, in their order."""
        columns = zip(*predictions, strict=True)
        return Prediction(*(None if arrays[0] is None else np.concatenate(arrays) for arrays in columns))  # type: ignore[arg-type]


@cache
def _core() -> openvino.Core:
    """Return the one core of this process, which is never destroyed.

    Each core sets a stack for signal handlers (openvinotoolkit/openvino#11894) and, when it is destroyed,
    sets the one from before. If the core of that one is gone, the next signal ends the process by SIGSEGV.
    """
    return openvino.Core()


def computes_in_bf16() -> bool:
    """Return whether this machine's CPU has instructions for bf16."""
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class Graph:
    """An ONNX graph from images to probabilities, perhaps with more outputs, compiled for this CPU.

    Where the graph has outputs by one view of an image too (see `views`), it is compiled as two, and all
    views are computed only of the images that one view leaves in doubt.

    Attributes:
        precision: of its arithmetic, `bf16` or `fp32`.
        explains: whether it has an output `heat`.
        input: name, type and shape of its input; None in a shape is any size.
    """

    def __init__(self, content: bytes, *, precision: str = "fp32", threads: int = 0) -> None:
        """Compile the graph.

        Args:
            content: of the ONNX file.
            precision: `fp32`, or `bf16`, which applies only where the CPU has instructions for it.
            threads: of the CPU for one run; 0: all cores that this process may use.

        Raises:
            ValueError: the graph has other inputs or outputs.
            RuntimeError: OpenVINO cannot read the graph.
        """
        core = _core()
        native = precision == "bf16" and computes_in_bf16()
        self.precision = "bf16" if native else "fp32"
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if native else "f32",
            # it does not see the quota of a container (github.com/uxlfoundation/oneTBB/issues/190)
            "INFERENCE_NUM_THREADS": threads or threads_for_libraries(),
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # several processes would all pin themselves to the same cores
        }
        model = core.read_model(content, b"")
        names = [output.any_name for output in model.outputs]
        of_one = [name for name in names if name.startswith(ONE_VIEW)]
        self._one_view: _Part | None = None
        if WEIGHT in names:
            # parts of one model share its weights
            one, model = (_only(model, kept) for kept in ([*of_one, WEIGHT], _without_one_view(names)))
            self._one_view = _Part(core.compile_model(one, "CPU", settings), prefix=ONE_VIEW)
        compiled = core.compile_model(model, "CPU", settings)
        self._every = _Part(compiled)
        self.explains = "heat" in self._every.names
        if len(compiled.inputs) != 1 or len(compiled.outputs) != len(self._every.names):
            raise ValueError(
                f"the graph has {len(compiled.inputs)} inputs and {len(compiled.outputs)} outputs; needed: "
                f"one of each, and further outputs only if they are named {' or '.join(OPTIONAL_OUTPUTS)}"
            )
        (node,) = compiled.inputs
        shape = tuple(None if size.is_dynamic else size.get_length() for size in node.partial_shape)
        self.input: tuple[str, str, tuple[int | None, ...]] = (
            node.any_name,
            node.element_type.to_dtype().name,
            shape,
        )
        self._lock = threading.Lock()

    def run(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probabilities, float32 `[N, classes]`, of uint8 `[N,H,W,C]` images.

        Only one thread runs the graph at a time; others wait.
        """
        return self.explain(images).probabilities

    def explain(self, images: NDArray[np.uint8]) -> Prediction:
        """Return all outputs of the graph for uint8 `[N,H,W,C]` images, each batch from one run.

        Images that one view leaves in doubt take a second run, by all views.
        """
        with self._lock:
            if self._one_view is None:
                return self._every.run(images)[0]
            one, weight = self._one_view.run(images)
            doubtful = np.flatnonzero(weight > 0)
            if not len(doubtful):
                return one
            every, _ = self._every.run(images[doubtful])
            return one.with_all_views(every, doubtful, weight[doubtful])

    def prepare(self, images: NDArray[np.uint8]) -> None:
        """Run all parts of the graph on uint8 `[N,H,W,C]` images, which compiles them for their number."""
        with self._lock:
            for part in (self._one_view, self._every):
                if part is not None:
                    part.run(images)


class _Part:
    """A compiled graph, or that part of one which computes the outputs whose names begin with `prefix`.

    `names` are those of its outputs, without the prefix; the weight of all views is not among them.
    """

    def __init__(self, compiled: openvino.CompiledModel, *, prefix: str = "") -> None:
        self._request = compiled.create_infer_request()
        self._places = {"probabilities": 0} | {
            name: place
            for place, output in enumerate(compiled.outputs)
            for name in OPTIONAL_OUTPUTS
            if place and prefix + name in output.names
        }
        self.names = list(self._places)
        self._weight = next((i for i, output in enumerate(compiled.outputs) if WEIGHT in output.names), None)

    def run(self, images: NDArray[np.uint8]) -> tuple[Prediction, NDArray[np.float32]]:
        """Return the outputs for uint8 `[N,H,W,C]` images, each batch from one run, and the weight `[N]`.

        The weight is 1 where the part does not compute it.
        """
        parts, weights = [], []
        for part in _parts(images):
            outputs = self._request.infer([part], share_inputs=True)  # no copy
            arrays = {n: np.array(outputs[place], dtype=np.float32) for n, place in self._places.items()}
            parts.append(Prediction(**arrays))
            ones = np.ones(len(part), np.float32)
            weights.append(ones if self._weight is None else np.array(outputs[self._weight]))
        return Prediction.joined(parts), np.concatenate(weights)


def _without_one_view(names: Sequence[str]) -> list[str]:
    """Return the names of the outputs by all views."""
    return [name for name in names if name != WEIGHT and not name.startswith(ONE_VIEW)]


def _only(model: openvino.Model, names: Sequence[str]) -> openvino.Model:
    """Return that part of a model which computes the outputs of these names."""
    return openvino.Model([model.output(name) for name in names], model.get_parameters())


def _parts(images: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Split images into batches of the sizes in `BATCHES`, the largest first."""
    start = 0
    while start < len(images):
        size = next(size for size in BATCHES if size <= len(images) - start)
        yield np.ascontiguousarray(images[start : start + size])
        start += size
