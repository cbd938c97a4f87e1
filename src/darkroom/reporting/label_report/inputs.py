"""What the evaluation report of several labels is computed from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.config.evaluate import Evaluate
from darkroom.data.splits import Split


@dataclass(frozen=True, kw_only=True)
class LabelEvaluation:
    """Predictions for the test images, and the settings of the report.

    Attributes:
        classes: names of the L labels.
        test: the test images, with labels int8 [N,L].
        probabilities: calibrated, float32 [N,L].
        before: probabilities without calibration, float32 [N,L].
        decisions: bool [N,L].
        predict: returns the calibrated probabilities float32 [M,L] of a split of M images.
        compared: the splits, by name, in which near-duplicates of test images are looked for.
        calibration: as in models/calibration.json.
        curve: as in reports/curve.csv, a row an epoch.
        best_epoch: the epoch whose weights were kept.
        settings: the section `evaluate` of params.yaml.
        mirror: whether a mirrored image counts as a near-duplicate.
        seed: of everything that is drawn.
    """

    classes: tuple[str, ...]
    test: Split
    probabilities: NDArray[np.float32]
    before: NDArray[np.float32]
    decisions: NDArray[np.bool_]
    predict: Callable[[Split], NDArray[np.float32]]
    compared: Mapping[str, Split]
    calibration: Mapping[str, Any]
    curve: pd.DataFrame
    best_epoch: int
    settings: Evaluate
    mirror: bool
    seed: int
