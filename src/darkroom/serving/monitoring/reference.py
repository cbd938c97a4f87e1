"""The reference for drift: what the images that a model was evaluated on look like to that model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...images.statistics import measure
from ..prediction.runtime import Prediction
from .counts import Array, Counts, indicate
from .drift_score import MIN_IMAGES, compare
from .embedding_axes import EmbeddingAxes
from .features import EMBEDDING_FEATURES, feature_rows, image_features
from .label_pairs import Labels
from .thresholds import Thresholds


@dataclass(frozen=True)
class Reference:
    """The distribution of the reference images' features, and the thresholds for leaving it.

    Attributes:
        sha256: of the model's graph.
        classes: their names, K.
        images: number of reference images.
        features: names of the S features that are compared, in the order of a row.
        edges: inner edges of each feature's bins, `[S, B-1]`.
        shares: share of the reference images in each bin, `[S, B]`.
        class_shares: share of the reference images in each predicted class, `[K]`; of several labels the
            share that is given each.
        axes: principal axes of the embedding; A is 0 if the model has no embedding.
        thresholds: of the J statistics.
        labels: of several labels, what is watched of them; None where an image has one label.
    """

    sha256: str
    classes: tuple[str, ...]
    images: int
    features: tuple[str, ...]
    edges: Array
    shares: Array
    class_shares: Array
    axes: EmbeddingAxes
    thresholds: Thresholds
    labels: Labels | None = None

    @property
    def statistics(self) -> tuple[str, ...]:
        """Names of the J statistics that are scored."""
        both = (*self.features, *(["embedding"] if self.axes.count else []))
        if self.labels is None:
            return ("class_mix", *both)
        return ("label_mix", *both, *(["label_pairs"] if len(self.labels.pairs) else []))

    @property
    def columns(self) -> int:
        """Length of a row: predicted class, features, coordinates, and of several labels those given."""
        given = 0 if self.labels is None else len(self.classes)
        return 1 + len(self.features) + self.axes.count + given

    def describe(self, pixels: NDArray[np.uint8], prediction: Prediction) -> NDArray[np.float32]:
        """Return the rows, float32 `[N, columns]`, of images uint8 `[N,H,W,C]` and their prediction."""
        return self.rows(measure(pixels), prediction)

    def rows(self, statistics: NDArray[np.float32], prediction: Prediction) -> NDArray[np.float32]:
        """Return the rows, float32 `[N, columns]`, of image statistics `[N, 6]` and their prediction."""
        features = image_features(statistics, prediction, self.axes)
        rows = feature_rows(features, self.features, prediction, self.axes)
        return rows if self.labels is None else self.labels.with_given(rows, prediction)

    def recent_shares(self, rows: NDArray[np.float32]) -> Array:
        """Return the share of rows `[N, columns]` in each predicted class, or given each label, `[K]`."""
        counted = indicate(rows, self.edges, len(self.classes), pairs=self._pairs).total()
        return np.asarray(counted.classes / counted.images)

    @property
    def _pairs(self) -> NDArray[np.int64] | None:
        return None if self.labels is None else self.labels.pairs

    def log_fields(self, row: NDArray[np.float32]) -> dict[str, Any]:
        """Return what the prediction log keeps of a row's embedding; `row_from_log` reads it back."""
        named = dict(zip(self.features, row[1:], strict=False))
        fields = {name: round(float(named[name]), 5) for name in EMBEDDING_FEATURES if name in named}
        first = 1 + len(self.features)
        coordinates = row[first : first + self.axes.count]
        return {**fields, "place": [round(float(value), 3) for value in coordinates]}

    def row_from_log(self, line: Mapping[str, Any]) -> list[float]:
        """Return the row of a line of the prediction log.

        Raises:
            KeyError, ValueError: the line belongs to another model, or was written without a reference.
        """
        fields = {"confidence": line["probability"], **line["image"], **line["embedding"]}
        row = [
            float(self.classes.index(line["class"])),
            *(float(fields[name]) for name in self.features),
            *(float(value) for value in fields["place"]),
        ]
        if self.labels is not None:
            row += [float(name in line["labels"]) for name in self.classes]
        if len(row) != self.columns:
            raise ValueError(f"the line has {len(row)} numbers; needed: {self.columns}")
        return row

    def scores(self, rows: NDArray[np.float32]) -> dict[str, float]:
        """Return each statistic's score over rows `[N, columns]`: about 0 without drift, an alarm from 1 on.

        Raises:
            ValueError: the rows have another width, or are fewer than `MIN_IMAGES`.
        """
        if rows.ndim != 2 or rows.shape[1] != self.columns or len(rows) < MIN_IMAGES:
            raise ValueError(
                f"rows are {list(rows.shape)}; needed: {MIN_IMAGES} or more of {self.columns} numbers"
            )
        recent = indicate(rows, self.edges, len(self.classes), pairs=self._pairs).total()
        scores = self.thresholds.scores(compare(recent, self._counts()))
        return dict(zip(self.statistics, (float(score) for score in scores), strict=True))

    def _counts(self) -> Counts:
        total = float(self.images)
        # the mean of the reference's coordinates is 0
        coordinates = np.zeros(self.axes.count)
        together = None if self.labels is None else total * self.labels.together
        return Counts(
            np.array(total),
            total * self.class_shares,
            total * self.shares,
            coordinates,
            together,
            self._pairs,
        )
