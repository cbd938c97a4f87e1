"""What an evaluation report is computed from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.config.evaluate import Evaluate
from darkroom.data.splits import Split


@dataclass(frozen=True)
class Predictions:
    """Images [N] and the probabilities float32 [N,K] that a classifier predicted for them."""

    split: Split
    probabilities: NDArray[np.float32]

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class of each image, [N]; the first of them on a tie."""
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)

    @cached_property
    def confidence(self) -> NDArray[np.float32]:
        """The probability of the predicted class, [N]."""
        return np.asarray(self.probabilities.max(axis=1))

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the predicted class is the label, [N]."""
        return np.asarray(self.predicted == self.split.labels)


@dataclass(frozen=True, kw_only=True)
class ReportInputs:
    """What every evaluation report is computed from, beside the predictions.

    Attributes:
        classes: the K names.
        compared: the splits, by name, in which near-duplicates of test images are looked for.
        calibration: as in models/calibration.json.
        predict: returns the calibrated probabilities float32 [N,K] of a split.
        curve: as in reports/curve.csv, a row an epoch.
        best_epoch: the epoch whose weights were kept.
        settings: the section `evaluate` of params.yaml.
        mirror: whether a mirrored image counts as a near-duplicate.
        seed: of everything that is drawn.
    """

    classes: tuple[str, ...]
    compared: Mapping[str, Split]
    calibration: Mapping[str, Any]
    predict: Callable[[Split], NDArray[np.float32]]
    curve: pd.DataFrame
    best_epoch: int
    settings: Evaluate
    mirror: bool
    seed: int


@dataclass(frozen=True, kw_only=True)
class Evaluation(ReportInputs):
    """A classifier, its predictions, and the settings of the report.

    Its `calibration` has `temperature`, `confident_from` (or None), `confident_accuracy`, `held_out` (whether
    the model was not trained on the validation images) and `fitted` (whether there were enough of those).

    Attributes:
        test: predictions for the test images, with the temperature of `calibration`.
        confidence_before: the confidence of each test image without that temperature, [N].
        validation: predictions for the validation images; None where they were trained on.
    """

    test: Predictions
    confidence_before: NDArray[np.float32]
    validation: Predictions | None
