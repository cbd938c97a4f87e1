"""A line of the prediction log: what was predicted for one image, as JSON."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...images.resizing import to_png
from ...images.statistics import STATISTICS
from ..prediction.engine import File
from ..prediction.model import Classifier
from ..prediction.runtime import Prediction


@dataclass(frozen=True)
class ServedRequest:
    """The images of one request with their prediction.

    Attributes:
        time: when it was answered, in seconds since 1970.
        route: that was requested.
        pixels: as the model sees them, uint8 `[N,H,W,C]`.
        prediction: of the model.
        files: of the uploads, N of them.
    """

    time: float
    route: str
    pixels: NDArray[np.uint8]
    prediction: Prediction
    files: Sequence[File]


def log_line(
    classifier: Classifier,
    request: ServedRequest,
    number: int,
    *,
    statistics: NDArray[np.float32],
    embedding: Mapping[str, Any] | None,
    keep_image: bool,
) -> bytes:
    r"""Return the line, with its `\n`, for the image of a request at index `number`.

    Args:
        classifier: that predicted.
        request: with the image.
        number: index of the image in the request.
        statistics: of the image, `[6]`.
        embedding: `Reference.log_fields` of it; None if there is no reference.
        keep_image: whether the line holds the image, as the model sees it, as a PNG in base64.
    """
    probabilities = request.prediction.probabilities[number]
    best = int(probabilities.argmax())
    probability = float(probabilities[best])
    entry: dict[str, Any] = {
        "time": datetime.fromtimestamp(request.time, UTC).isoformat(timespec="milliseconds"),
        "route": request.route,
        "model": {"name": classifier.name, "version": classifier.version},
        "class": classifier.classes[best],
        "probability": round(probability, 7),  # most are near 1: fewer digits would make them equal
        "confident": classifier.is_confident(probability),
        "image": {name: round(float(value), 5) for name, value in zip(STATISTICS, statistics, strict=True)},
        "upload": request.files[number]._asdict(),
    }
    decisions = classifier.decisions(probabilities)
    if decisions is not None:
        entry["labels"] = {
            name: round(float(value), 7)
            for name, value, given in zip(classifier.classes, probabilities, decisions, strict=True)
            if given
        }
    if embedding is not None:
        entry["embedding"] = embedding
    if keep_image:
        entry["png"] = base64.b64encode(to_png(request.pixels[number])).decode()
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
