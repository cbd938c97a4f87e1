"""Label issues: labels that are probably wrong, found by confident learning.

The method is Northcutt, Jiang and Chuang's (2021, "Confident Learning: Estimating Uncertainty in Dataset
Labels", arXiv:1911.00068). A class's threshold is the mean probability for it among the images with its
label. An image that reaches the threshold of another class probably belongs to that one, whatever its label.
The thresholds keep classes of which the model is generally uncertain from filling the list.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.evaluation.probabilities import checked_probabilities


def label_issues(
    probabilities: NDArray[np.floating[Any]], labels: NDArray[np.int64], *, classes: Sequence[str]
) -> pd.DataFrame:
    """Return the images whose label is probably wrong, the most probable first.

    Of the classes whose threshold an image reaches, the most probable is suggested (on a tie the label,
    then the first of them). The image is in the table where that is not its label, which is off the
    diagonal of the paper's confident joint. A class without images is never suggested.

    >>> probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.9, 0.1]])
    >>> found = label_issues(probabilities, np.array([0, 0, 1, 1, 1]), classes=["cat", "dog"])
    >>> found[["index", "label", "suggested"]].to_numpy().tolist()
    [[4, 'dog', 'cat']]

    Args:
        probabilities: float [N, K], each row summing to 1. They must be out-of-sample, from a model that
            was not trained on the image (a validation or test set, or cross-validation): a model memorises
            wrong labels and then agrees with them.
        labels: integers [N] within 0..K-1, as given.
        classes: the K names.

    Returns:
        A row an image: `index` (int64, in the arrays), `label` and `suggested` (str), `label_probability`
        and `suggested_probability`, and `margin`, the label's probability less the largest of any other
        class, by which the table is sorted, least first (float64).

    Raises:
        ValueError: the arrays do not fit together or hold impossible values.
    """
    checked, labels = checked_probabilities(probabilities, labels, classes)
    images = np.arange(len(labels))
    own = checked[images, labels]
    counts = np.bincount(labels, minlength=len(classes))
    sums = np.bincount(labels, weights=own, minlength=len(classes))
    thresholds = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)

    reached = np.where(checked >= thresholds, checked, -1.0)
    suggested = reached.argmax(axis=1)
    best = reached[images, suggested]
    index = np.flatnonzero((best >= 0) & (best > reached[images, labels]))

    others = checked.copy()
    others[images, labels] = -np.inf
    margin = own - others.max(axis=1)
    index = index[np.argsort(margin[index], kind="stable")]
    return pd.DataFrame(
        {
            "index": index,
            "label": pd.Series([classes[number] for number in labels[index]], dtype="str"),
            "suggested": pd.Series([classes[number] for number in suggested[index]], dtype="str"),
            "label_probability": own[index],
            "suggested_probability": checked[index, suggested[index]],
            "margin": margin[index],
        }
    )
