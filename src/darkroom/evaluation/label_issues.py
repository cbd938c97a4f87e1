"""Labels that are probably wrong: confident learning (Northcutt, Jiang & Chuang 2021, arXiv:1911.00068).

Written from the paper. A class's threshold is what a picture of it usually gets for it; a picture that
reaches the threshold of another class is likelier to belong there, whatever its label says. So classes
that a model is generally unsure of do not swamp the list.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.evaluation.metrics import checked_probabilities


def label_issues(
    probabilities: NDArray[np.floating[Any]], labels: NDArray[np.int64], *, classes: Sequence[str]
) -> pd.DataFrame:
    """Return the pictures whose label is probably wrong, the likeliest first.

    Each class's threshold is the mean probability that the pictures labelled so have for it; a class
    without pictures is never suggested. Of the classes whose threshold a picture reaches, the most
    probable is suggested (on a tie the label, then the first of them), and the picture is in the table
    where that is not its label: it is off the diagonal of the paper's confident joint.

    Args:
        probabilities: float [N, K], each row summing to 1. They must be out-of-sample, from a model that
            did not learn from the picture (a validation or test set, or cross-validation): a model learns
            wrong labels by heart and then agrees with them.
        labels: integers [N] within 0..K-1, as given.
        classes: the K names.

    Returns:
        A row a picture: `index` (int64, in the arrays), `label` and `suggested` (str), `label_probability`
        and `suggested_probability`, and `margin`, the label's probability less the largest of any other
        class, by which the table is sorted, least first (float64).

    Raises:
        ValueError: the arrays do not fit together or hold impossible values.
    """
    sure, labels = checked_probabilities(probabilities, labels, classes)
    pictures = np.arange(len(labels))
    own = sure[pictures, labels]
    counts = np.bincount(labels, minlength=len(classes))
    sums = np.bincount(labels, weights=own, minlength=len(classes))
    thresholds = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)

    reached = np.where(sure >= thresholds, sure, -1.0)
    suggested = reached.argmax(axis=1)
    best = reached[pictures, suggested]
    index = np.flatnonzero((best >= 0) & (best > reached[pictures, labels]))

    others = sure.copy()
    others[pictures, labels] = -np.inf
    margin = own - others.max(axis=1)
    index = index[np.argsort(margin[index], kind="stable")]
    return pd.DataFrame(
        {
            "index": index,
            "label": pd.Series([classes[number] for number in labels[index]], dtype="str"),
            "suggested": pd.Series([classes[number] for number in suggested[index]], dtype="str"),
            "label_probability": own[index],
            "suggested_probability": sure[index, suggested[index]],
            "margin": margin[index],
        }
    )
