"""Probably wrong labels: missing ones that the model sees, and given ones that it does not.

Each label is a problem of two classes, to which the thresholds of confident learning apply (Northcutt, Jiang
and Chuang 2021, arXiv:1911.00068): the mean probability of a yes where it is given, and of a no where not.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def issues_of_sets(
    probabilities: NDArray[np.floating], labels: NDArray[np.int8], *, classes: Sequence[str]
) -> pd.DataFrame:
    """Return the answers that are probably wrong, the most probable first.

    Columns: `index` of the image, `class`, `given` (yes or no), `probability` (of the label) and `margin`,
    the probability of the given answer less that of the other one, by which the table is sorted.

    >>> probabilities = np.array([[0.9], [0.8], [0.1], [0.2], [0.95]])
    >>> labels = np.array([[1], [1], [0], [0], [0]], dtype=np.int8)
    >>> found = issues_of_sets(probabilities, labels, classes=["cat"])
    >>> found[["index", "class", "given"]].to_numpy().tolist()
    [[4, 'cat', 'no']]
    """
    p = np.asarray(probabilities, dtype=np.float64)
    yes, no = labels == 1, labels == 0
    with np.errstate(invalid="ignore", divide="ignore"):
        of_yes = (p * yes).sum(axis=0) / yes.sum(axis=0)
        of_no = ((1 - p) * no).sum(axis=0) / no.sum(axis=0)
        missing = no & (p >= of_yes) & (p > 1 - p)
        wrong = yes & (1 - p >= of_no) & (1 - p > p)
    image, label = np.nonzero(missing | wrong)
    own = np.where(yes[image, label], p[image, label], 1 - p[image, label])
    table = pd.DataFrame(
        {
            "index": image,
            "class": pd.Series([classes[int(number)] for number in label], dtype="str"),
            "given": pd.Series(np.where(yes[image, label], "yes", "no"), dtype="str"),
            "probability": p[image, label],
            "margin": 2 * own - 1,
        }
    )
    return table.sort_values("margin", kind="stable", ignore_index=True)
