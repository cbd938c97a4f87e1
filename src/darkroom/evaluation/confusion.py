"""Which class was predicted for which: image by image, and counted."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.evaluation.probabilities import checked_probabilities


def confusion_table(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], *, classes: Sequence[str]
) -> pd.DataFrame:
    """Return one row an image, `actual` and `predicted` class name: the input of DVC's confusion plot.

    >>> probabilities = np.array([[0.9, 0.1], [0.8, 0.2]], dtype=np.float32)
    >>> confusion_table(probabilities, np.array([0, 1]), classes=["cat", "dog"]).to_numpy().tolist()
    [['cat', 'cat'], ['dog', 'cat']]

    Raises:
        ValueError: as `checked_probabilities`.
    """
    checked, labels = checked_probabilities(probabilities, labels, classes)
    names = np.asarray(classes, dtype=object)
    return pd.DataFrame({"actual": names[labels], "predicted": names[checked.argmax(axis=1)]})


def confusion_matrix(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], *, classes: Sequence[str]
) -> pd.DataFrame:
    """Return a row an actual class, its name in `actual`, and a column a predicted class: counts of images.

    >>> probabilities = np.array([[0.9, 0.1], [0.8, 0.2]], dtype=np.float32)
    >>> confusion_matrix(probabilities, np.array([0, 1]), classes=["cat", "dog"]).to_numpy().tolist()
    [['cat', 1, 0], ['dog', 1, 0]]

    Raises:
        ValueError: as `checked_probabilities`.
    """
    checked, labels = checked_probabilities(probabilities, labels, classes)
    size = len(classes)
    counts = np.bincount(labels * size + checked.argmax(axis=1), minlength=size * size).reshape(size, size)
    table = pd.DataFrame(counts, columns=list(classes))
    table.insert(0, "actual", list(classes), allow_duplicates=True)  # a class may be called "actual" too
    return table
