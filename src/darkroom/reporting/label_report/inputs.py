"""What the evaluation report of several labels is computed from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkroom.data.splits import Split
from darkroom.reporting.evaluation_report.inputs import ReportInputs


@dataclass(frozen=True, kw_only=True)
class LabelEvaluation(ReportInputs):
    """Predictions for the test images, and the settings of the report.

    Attributes:
        test: the test images, with labels int8 [N,L].
        probabilities: calibrated, float32 [N,L].
        before: probabilities without calibration, float32 [N,L].
        decisions: bool [N,L].
    """

    test: Split
    probabilities: NDArray[np.float32]
    before: NDArray[np.float32]
    decisions: NDArray[np.bool_]
