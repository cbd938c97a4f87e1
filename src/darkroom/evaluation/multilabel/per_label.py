"""Each label's figures as a table."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.evaluation.intervals import wilson_interval
from darkroom.evaluation.multilabel.average_precision import average_precisions
from darkroom.evaluation.multilabel.precision_recall_f1 import label_counts, per_label


def per_label_table(
    probabilities: NDArray[np.floating],
    decisions: NDArray[np.bool_],
    labels: NDArray[np.int8],
    *,
    classes: Sequence[str],
    thresholds: Sequence[float],
) -> pd.DataFrame:
    """Return a row a label.

    Columns: `class`, `precision`, `recall`, `f1`, `support` (images that have it), `recall_low` and
    `recall_high` (95 % Wilson), `average_precision` (empty where no image has it), `threshold` and `unknown`.
    """
    counts, figures = label_counts(decisions, labels), per_label(decisions, labels)
    support = counts["right"] + counts["missed"]
    ends = [
        wilson_interval(int(right), int(count)) if count else (0.0, 1.0)
        for right, count in zip(counts["right"], support, strict=True)
    ]
    return pd.DataFrame(
        {
            "class": list(classes),
            **figures,
            "support": support,
            "recall_low": [low for low, _ in ends],
            "recall_high": [high for _, high in ends],
            "average_precision": average_precisions(probabilities, labels),
            "threshold": list(thresholds),
            "unknown": (labels < 0).sum(axis=0),
        }
    )
