"""mAP of several labels under every corruption at every strength."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from darkroom.data.splits import Split
from darkroom.evaluation.corruptions import CORRUPTIONS, STRENGTHS
from darkroom.evaluation.corruptions.apply import corrupt
from darkroom.evaluation.multilabel.average_precision import resampled_average_precisions

MOST_RESAMPLES = 200  # of each cell, which takes a thousand times as long as one of accuracy


def label_corruptions_table(
    predict: Callable[[Split], NDArray[np.float32]], split: Split, *, seed: int, resamples: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Measure mAP on `split` under every corruption at every strength.

    Args:
        predict: returns the probabilities [N,L] of a split.
        split: the images as they are, N of at least 1, with labels int8 [N,L].
        seed: of the corruptions that draw, and of the resamples.
        resamples: of the images, for the intervals; at most `MOST_RESAMPLES` are drawn.

    Returns:
        A row a corruption and strength: `corruption`, `strength`, `images`, `average_precision` and the ends
        `average_precision_low` and `average_precision_high` of its 95 % interval, by a bootstrap in which all
        rows have the same images. And a tree: the mean over all rows as `average_precision` with its
        interval, `images`, `clean` (mAP of the images as they are), and each corruption's mean over the
        strengths by its name.
    """
    count = len(split)
    drawn = min(resamples, MOST_RESAMPLES)
    weights = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=drawn)
    times = np.concatenate([np.ones((1, count)), weights])  # the first: the images as they are

    def measured(images: Split) -> NDArray[np.float64]:
        """Return mAP of all images, then of each resample."""
        return np.asarray(
            np.nanmean(resampled_average_precisions(predict(images), split.labels, times), axis=1)
        )

    rows, cells = [], []
    for name, strength in tqdm([(n, s) for n in CORRUPTIONS for s in STRENGTHS], "corruptions", disable=None):
        cell = measured(Split(corrupt(split.images, name, strength, seed=seed), split.labels))
        rows.append({"corruption": name, "strength": strength, "images": count, **_with_interval(cell)})
        cells.append(cell)
    table = pd.DataFrame(rows)
    means = table.groupby("corruption", sort=False)["average_precision"].mean()
    return table, {
        **_with_interval(np.mean(cells, axis=0)),
        "images": count,
        **{str(name): float(value) for name, value in means.items()},
        "clean": float(measured(split)[0]),
    }


def _with_interval(values: NDArray[np.float64]) -> dict[str, float]:
    """Return the first value, and the ends of the 95 % interval of the others."""
    low, high = np.nanquantile(values[1:], [0.025, 0.975])
    names = ("average_precision", "average_precision_low", "average_precision_high")
    return dict(zip(names, (float(values[0]), float(low), float(high)), strict=True))
