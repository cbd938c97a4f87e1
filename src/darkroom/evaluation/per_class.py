"""Precision, recall and F1 of each class."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.evaluation.intervals import wilson_interval
from darkroom.evaluation.probabilities import checked_probabilities


def per_class_table(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], *, classes: Sequence[str]
) -> pd.DataFrame:
    """Return one row a class, in the order of `classes`.

    >>> probabilities = np.array([[0.9, 0.1], [0.8, 0.2]], dtype=np.float32)
    >>> per_class_table(probabilities, np.array([0, 1]), classes=["cat", "dog"])["recall"].tolist()
    [1.0, 0.0]

    Returns:
        Columns: `class`, `precision`, `recall`, `f1` (0..1; 0 where undefined), `support` (images of the
        class), and `recall_low` and `recall_high` (95 % Wilson interval; 0 and 1 for a class without
        images).

    Raises:
        ValueError: as `checked_probabilities`.
    """
    from sklearn.metrics import precision_recall_fscore_support  # takes half a second to import

    checked, labels = checked_probabilities(probabilities, labels, classes)
    predicted = checked.argmax(axis=1)
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predicted, labels=range(len(classes)), average=None, zero_division=0
    )
    correct = np.bincount(labels[predicted == labels], minlength=len(classes))
    intervals = [wilson_interval(int(hits), int(of)) for hits, of in zip(correct, support, strict=True)]
    return pd.DataFrame(
        {
            "class": list(classes),
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "support": support.astype(np.int64),
            "recall_low": [low for low, _ in intervals],
            "recall_high": [high for _, high in intervals],
        }
    )
