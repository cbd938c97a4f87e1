"""The model that is served: the exported graph and its description."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...images.resizing import FITS, Fit
from .runtime import BATCHES, Graph, Prediction


class Classifier:
    """An exported graph and its description, checked against each other and warmed up.

    Attributes:
        about: the content of `model.json`.
        name, version: of the registered model.
        classes: names, in the order of the probabilities.
        height, width, channels: of the images it takes.
        fit: how images of another aspect ratio are brought to this shape, as in `to_model_input`; crop where
            model.json does not say.
        precision: of the arithmetic: `bf16` where model.json allows it and the machine has it, otherwise
            `fp32`.
        explains: whether it has heat maps.
        confident_from: the probability from which a prediction counts as confident; None where none was
            fitted.
        thresholds: of several labels, the probability from which an image is said to have each, float64
            `[K]`; None where it has one label.
        uncertain: of several labels, the probabilities between which the decision on each is uncertain,
            float64 `[K, 2]`, NaN where none were fitted; None where it has one label.
        card: the page with the model card; None where the model has none.
    """

    def __init__(self, folder: Path, *, threads: int = 0, version: str | None = None) -> None:
        """Load model.onnx and model.json from `folder`; card.html beside them is optional.

        Args:
            folder: where the files are.
            threads: of the CPU for one prediction; 0: all cores.
            version: of the registered model, for a model.json that does not state it: one of a version's
                files in the registry, or of a model that is not registered.

        Raises:
            FileNotFoundError: one of the two files is missing.
            ValueError: the files do not belong together, or model.json has an invalid value.
        """
        graph, description = folder / "model.onnx", folder / "model.json"
        for path in (graph, description):
            if not path.is_file():
                raise FileNotFoundError(f"{path} is missing: run `dvc repro register`, which writes it")
        self.about: dict[str, Any] = json.loads(description.read_text(encoding="utf-8"))
        if version is not None:
            self.about.setdefault("version", version)
        keys = ("name", "version", "classes", "height", "width", "channels", "sha256")
        if missing := [key for key in keys if key not in self.about]:
            raise ValueError(f"{description} lacks {', '.join(missing)}: run `dvc repro register` again")
        content = graph.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        if sha256 != self.about["sha256"]:
            raise ValueError(
                f"{graph} has the SHA-256 {sha256}, but {description.name} beside it describes "
                f"{self.about['sha256']}: the two come from different runs; run `dvc repro register` again"
            )
        self.name: str = self.about["name"]
        self.version = str(self.about["version"])
        self.classes: list[str] = list(self.about["classes"])
        self.height, self.width, self.channels = (
            int(self.about[key]) for key in ("height", "width", "channels")
        )
        self.fit = _fit(self.about, description)
        self.confident_from = _probability(self.about.get("confident_from"), description)
        self.thresholds = _thresholds(self.about, description)
        self.uncertain = _uncertain(self.about, description)
        card = folder / "card.html"
        self.card: Path | None = card if card.is_file() else None
        self._graph = Graph(content, precision=_precision(self.about, description), threads=threads)
        self.precision, self.explains = self._graph.precision, self._graph.explains
        self._check_input(graph)
        self._warm_up(graph)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of one image."""
        return self.height, self.width, self.channels

    def is_confident(self, probability: float) -> bool | None:
        """Return whether a prediction of this probability is confident; None without `confident_from`."""
        return None if self.confident_from is None else probability >= self.confident_from

    def decisions(self, probabilities: NDArray[np.float32]) -> NDArray[np.bool_] | None:
        """Return which labels images have by probabilities `[..., K]`; None with one label each."""
        return None if self.thresholds is None else np.asarray(probabilities >= self.thresholds)

    def doubts(self, probabilities: NDArray[np.float32]) -> NDArray[np.bool_] | None:
        """Return which decisions by probabilities `[..., K]` are uncertain; None with one label each."""
        if self.uncertain is None:
            return None
        low, high = self.uncertain.T
        return np.asarray((probabilities > low) & (probabilities < high))

    def _check_input(self, graph: Path) -> None:
        name, kind, shape = self._graph.input
        if kind != "uint8" or shape[1:] != self.shape:
            raise ValueError(
                f"{graph} takes {name}: {kind} {list(shape)}; model.json promises one uint8 input of [batch, "
                f"{self.height}, {self.width}, {self.channels}]"
            )
        if shape[0] is not None:
            raise ValueError(f"{graph} has a fixed batch of {shape[0]}: export it with any batch size")

    def _warm_up(self, graph: Path) -> None:
        """Run each batch size once and check the shapes of the outputs.

        The first run of a batch size compiles it, which must not happen in a request.
        """
        for size in BATCHES:
            black = np.zeros((size, *self.shape), np.uint8)
            self._graph.prepare(black)
            probabilities, heat, embedding = self.explain(black)
            if probabilities.shape != (size, len(self.classes)):
                raise ValueError(
                    f"{graph} predicts {size} images with the shape {probabilities.shape}, but model.json "
                    f"names {len(self.classes)} classes"
                )
            if heat is not None and (heat.ndim != 4 or heat.shape[:2] != probabilities.shape):
                raise ValueError(
                    f"{graph} returns heat maps of the shape {heat.shape}; needed: one per image and class"
                )
            if embedding is not None and (embedding.ndim != 2 or len(embedding) != size):
                raise ValueError(
                    f"{graph} returns embeddings of the shape {embedding.shape}; needed: one row per image"
                )

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probabilities, float32 `[N, classes]`, of uint8 `[N,H,W,C]` images."""
        return self.explain(images).probabilities

    def explain(self, images: NDArray[np.uint8]) -> Prediction:
        """Return all outputs of the graph for uint8 `[N,H,W,C]` images, from one run.

        Raises:
            ValueError: the images have another type or shape.
        """
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != self.shape:
            raise ValueError(
                f"images are {images.dtype} {images.shape}; needed: uint8 [N, "
                f"{self.height}, {self.width}, {self.channels}]"
            )
        return self._graph.explain(images)


def _precision(about: dict[str, Any], description: Path) -> str:
    """Return the lowest precision that model.json allows; fp32 where it names none."""
    precision = about.get("precision", "fp32")
    if precision not in ("bf16", "fp32"):
        raise ValueError(
            f"{description} has precision {precision!r}; needed: bf16 or fp32; run `dvc repro register` again"
        )
    return str(precision)


def _thresholds(about: dict[str, Any], description: Path) -> NDArray[np.float64] | None:
    """Return the thresholds of a model of several labels, checked; None for one of one label."""
    if about.get("labels", "one") == "one":
        return None
    values = about.get("thresholds")
    if not isinstance(values, list) or len(values) != len(about["classes"]):
        raise ValueError(
            f"{description} has labels {about['labels']!r} and thresholds {values!r}; needed: a probability "
            f"for each of {len(about['classes'])} labels; run `dvc repro register` again"
        )
    checked = [_probability(value, description, "thresholds") for value in values]
    return np.array(checked, dtype=np.float64)


def _uncertain(about: dict[str, Any], description: Path) -> NDArray[np.float64] | None:
    """Return the bounds of uncertain decisions, checked; NaN where a model was registered without them."""
    if about.get("labels", "one") == "one":
        return None
    count = len(about["classes"])
    values = about.get("uncertain", [None] * count)
    if not isinstance(values, list) or len(values) != count:
        raise ValueError(
            f"{description} has uncertain {values!r}; needed: null or two probabilities for each of {count} "
            "labels; run `dvc repro register` again"
        )
    bounds = np.full((count, 2), np.nan)
    for row, value in zip(bounds, values, strict=True):
        if value is None:
            continue
        if not isinstance(value, list) or len(value) != 2:
            raise ValueError(
                f"{description} has uncertain bounds {value!r}; needed: two probabilities, or null; run "
                "`dvc repro register` again"
            )
        row[:] = [_probability(end, description, "uncertain") for end in value]
    return bounds


def _fit(about: dict[str, Any], description: Path) -> Fit:
    """Return how images are fitted; models from before there was a choice crop."""
    name = about.get("fit", "crop")
    for fit in FITS:
        if name == fit:
            return fit
    raise ValueError(
        f"{description} has fit {name!r}; needed: {', '.join(FITS)}; run `dvc repro register` again"
    )


def _probability(value: Any, description: Path, name: str = "confident_from") -> float | None:
    """Return a probability in model.json, checked; None for null."""
    if value is None:
        return None
    # bool is a kind of int, and Python's JSON knows NaN
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(
            f"{description} has {name} {value!r}; needed: a number from 0 to 1, or null where none "
            "was fitted; run `dvc repro register` again"
        )
    return float(value)
