"""Precision over recall of each label, at every threshold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Curve:
    """Precision over recall of a label.

    Attributes:
        precision: float64 [T], of the images with a probability of a threshold or more.
        recall: float64 [T] then, which falls.
        average: precision averaged over the recall (average precision), 0 to 1.
        share: of the images that have the label: the precision of chance.
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    average: float
    share: float


def precision_recall_curves(
    probabilities: NDArray[np.floating], labels: NDArray[np.int8], classes: Sequence[str]
) -> Mapping[str, Curve]:
    """Return the curve of each label that an image has, by name, the lowest average precision first.

    `probabilities` are float [N,L], `labels` int8 [N,L]: 1, 0, or -1 for unknown, which has no part.

    >>> labels = np.array([[1], [0]], dtype=np.int8)
    >>> curves = precision_recall_curves(np.array([[0.9], [0.2]]), labels, ["car"])
    >>> curves["car"].average, curves["car"].share
    (1.0, 0.5)
    """
    from sklearn.metrics import average_precision_score, precision_recall_curve  # takes half a second

    found = {}
    for number, name in enumerate(classes):
        known = labels[:, number] >= 0
        yes, p = labels[known, number] == 1, probabilities[known, number]
        if yes.any():
            precision, recall, _ = precision_recall_curve(yes, p)
            average = float(average_precision_score(yes, p))
            found[name] = Curve(precision, recall, average, float(yes.mean()))
    return dict(sorted(found.items(), key=lambda item: item[1].average))
