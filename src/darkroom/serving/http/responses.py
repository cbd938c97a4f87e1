"""The JSON of the responses: its types, from which the API's description is derived, and how it is built.

The types are TypedDicts, which are plain dictionaries at run time: no response is validated or copied.
"""

import base64
from typing import (
    Annotated,
    NotRequired,  # pydantic needs these before Python 3.12
)

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from typing_extensions import TypedDict

from ...images.resizing import to_png
from ..prediction.model import Classifier

Probability = Annotated[float, Field(ge=0, le=1)]
Decision = Annotated[
    bool, Field(description="Of several labels: whether the image is said to have it, by its threshold")
]
Uncertain = Annotated[
    bool,
    Field(
        description="Of several labels: whether the probability is so near the label's threshold that fewer "
        "validation images than wanted were decided rightly there"
    ),
]
RankedClass = TypedDict(
    "RankedClass",
    {
        "class": str,
        "probability": Probability,
        "decision": NotRequired[Decision],
        "uncertain": NotRequired[Uncertain],
    },
)


class ModelVersion(TypedDict):
    """The model that made a prediction."""

    name: str
    version: str


class ImagePrediction(TypedDict):
    """The prediction for one image: its classes, the most probable first."""

    classes: list[RankedClass]
    confident: bool | None
    labels: NotRequired[
        Annotated[list[str], Field(description="Of several labels: all that the image is said to have")]
    ]


class Prediction(ImagePrediction):
    """The response of `/predict`."""

    model: ModelVersion
    milliseconds: float
    input: NotRequired[
        Annotated[
            str, Field(description="With explain: the image as the model sees it, as a data: URL of a PNG")
        ]
    ]
    heat: NotRequired[
        Annotated[
            list[list[list[float]]] | None,
            Field(
                description="With explain: for each class in the response a grid of rows spread evenly "
                "over the image as the model sees it: how much each place speaks for the class (above 0) or "
                "against it, in logits; null where the model has no heat maps"
            ),
        ]
    ]


class Predictions(TypedDict):
    """The response of `/predict_batch`."""

    predictions: list[ImagePrediction]
    model: ModelVersion
    milliseconds: float


class Limits(TypedDict):
    """What one request may hold."""

    image_bytes: int
    image_pixels: int
    batch_images: int
    batch_bytes: int


class ServiceDescription(TypedDict):
    """What this service adds to the model's own description in the response of `/model`."""

    precision: Annotated[
        str, Field(description="Of the arithmetic here", json_schema_extra={"enum": ["bf16", "fp32"]})
    ]
    confident_from: Annotated[
        Probability | None,
        Field(
            description="The probability from which the first class counts as confident, fitted on "
            "validation images; null where none was fitted"
        ),
    ]
    card: Annotated[bool, Field(description="Whether there is a model card at /card")]
    heat: Annotated[bool, Field(description="Whether explained predictions have heat maps")]
    feedback: Annotated[bool, Field(description="Whether POST /feedback keeps anything")]
    limits: Limits


class Model(ServiceDescription):
    """The response of `/model`; it holds whatever else `model.json` holds."""

    name: str
    version: str
    classes: list[str]
    height: int
    width: int
    channels: int


Labels = Annotated[list[str], Field(description="Of several labels, in place of the class: all it has")]
Feedback = TypedDict(
    "Feedback", {"class": NotRequired[str | None], "labels": NotRequired[Labels], "new": bool}
)


class ErrorDetails(TypedDict):
    """Why a request was refused."""

    code: str
    message: str


class Error(TypedDict):
    """The response to a refused request."""

    error: ErrorDetails


def model_version(classifier: Classifier) -> ModelVersion:
    """Return which model made a prediction."""
    return {"name": classifier.name, "version": classifier.version}


def image_prediction(probabilities: NDArray[np.float32], k: int, classifier: Classifier) -> ImagePrediction:
    """Return the prediction of the `k` most probable classes from `[classes]` probabilities."""
    best = _most_probable(probabilities, k)
    classes: list[RankedClass] = [
        {"class": classifier.classes[i], "probability": float(probabilities[i])} for i in best
    ]
    decisions = classifier.decisions(probabilities)
    doubts = classifier.doubts(probabilities)
    if decisions is not None and doubts is not None:
        for one, place in zip(classes, best, strict=True):
            one["decision"] = bool(decisions[place])
            one["uncertain"] = bool(doubts[place])
        order = _most_probable(probabilities, len(classifier.classes))
        labels = [classifier.classes[place] for place in order if decisions[place]]
        return {"classes": classes, "confident": None, "labels": labels}
    return {"classes": classes, "confident": classifier.is_confident(float(probabilities[best[0]]))}


def heat_maps(
    maps: NDArray[np.float32], probabilities: NDArray[np.float32], k: int
) -> list[list[list[float]]]:
    """Return the `[rows, columns]` maps of the `k` most probable classes, in their order.

    `maps` are logits, float32 `[classes, rows, columns]`; they are rounded to a hundredth.
    """
    rounded: list[list[list[float]]] = np.round(
        maps[_most_probable(probabilities, k)].astype(np.float64), 2
    ).tolist()
    return rounded


def data_url(pixels: NDArray[np.uint8]) -> str:
    """Return uint8 `[H,W,C]` pixels as a `data:` URL of a PNG.

    >>> data_url(np.zeros((1, 1, 3), np.uint8)).partition(",")[0]
    'data:image/png;base64'
    """
    return "data:image/png;base64," + base64.b64encode(to_png(pixels)).decode()


def _most_probable(probabilities: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    return np.argsort(-probabilities, kind="stable")[:k]
