"""Which labels images have together: counts, lift, and pairs that always or never go together."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

EXPECTED = 5.0  # images with both by chance, from which on their absence is no chance any more


def co_occurrence_table(labels: NDArray[np.int8], classes: Sequence[str]) -> pd.DataFrame:
    """Return a row for each pair of labels, the highest lift first.

    Columns: `class`, `other`, `together` (images that have both), `expected` (by chance, if they were
    independent), `lift` (`together` / `expected`), and `kind`: `always` where every image with one of them
    has the other too, `never` where none has both and `EXPECTED` or more were expected, else empty. Images of
    which one of the two is unknown are left out.

    >>> labels = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1], [1, 0, 1]], dtype=np.int8)
    >>> table = co_occurrence_table(labels, ["street", "car", "sea"])
    >>> table[["class", "other", "together", "lift", "kind"]].head(1).to_numpy().tolist()
    [['street', 'car', 2, 1.3333333333333333, 'always']]
    """
    rows = []
    for one in range(len(classes)):
        for other in range(one + 1, len(classes)):
            known = (labels[:, one] >= 0) & (labels[:, other] >= 0)
            first, second = labels[known, one] == 1, labels[known, other] == 1
            together = int((first & second).sum())
            smaller = min(int(first.sum()), int(second.sum()))
            expected = first.sum() * second.sum() / max(1, known.sum())
            kind = "always" if smaller and together == smaller else ""
            kind = "never" if not together and expected >= EXPECTED else kind
            lift = together / expected if expected else float("nan")
            rows.append((classes[one], classes[other], together, float(expected), float(lift), kind))
    table = pd.DataFrame(rows, columns=["class", "other", "together", "expected", "lift", "kind"])
    return table.sort_values("lift", ascending=False, kind="stable", ignore_index=True)
