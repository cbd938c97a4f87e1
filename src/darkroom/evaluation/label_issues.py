"""Labels that are probably wrong: confident learning (Northcutt, Jiang & Chuang 2021, arXiv:1911.00068).

Written from the paper. A class's threshold is what an image of it usually gets for it; an image that
reaches the threshold of another class is likelier to belong there, whatever its label says. So classes
that a model is generally uncertain of do not swamp the list.
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
    """Return the images whose label is probably wrong, the likeliest first.

    Each class's threshold is the mean probability that the images labelled so have for it; a class
    without images is never suggested. Of the classes whose threshold an image reaches, the most
    probable is suggested (on a tie the label, then the first of them), and the image is in the table
    where that is not its label: it is off the diagonal of the paper's confident joint.

    Args:
        probabilities: float [N, K], each row summing to 1. They must be out-of-sample, from a model that
            did not learn from the image (a validation or test set, or cross-validation): a model learns
            wrong labels by heart and then agrees with them.
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
