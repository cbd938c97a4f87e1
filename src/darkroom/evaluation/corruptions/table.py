"""Accuracy under every corruption at every strength."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from darkroom.data.splits import Split
from darkroom.evaluation.corruptions import CORRUPTIONS, STRENGTHS
from darkroom.evaluation.corruptions.apply import corrupt
from darkroom.evaluation.intervals import accuracy_with_interval, bootstrap_interval


def corruptions_table(
    predict: Callable[[Split], NDArray[np.float32]], split: Split, *, seed: int, resamples: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Measure the accuracy on `split` under every corruption at every strength.

    Args:
        predict: returns the probabilities [N,K] of a split.
        split: the images as they are, N of at least 1.
        seed: of the corruptions that draw.
        resamples: of the images, for the interval of the mean.

    Returns:
        A row a corruption and strength: `corruption`, `strength` and the columns of
        `accuracy_with_interval`. And a tree: the mean corruption accuracy as `accuracy` with `accuracy_low`
        and `accuracy_high` (95 %, over the images), `images`, and each corruption's mean over the strengths
        by its name.
    """
    rows, all_correct = [], []
    cases = [(name, strength) for name in CORRUPTIONS for strength in STRENGTHS]
    for name, strength in tqdm(cases, desc="corruptions", disable=None):
        harder = Split(corrupt(split.images, name, strength, seed=seed), split.labels)
        correct = predict(harder).argmax(axis=1) == split.labels
        rows.append({"corruption": name, "strength": strength, **accuracy_with_interval(correct)})
        all_correct.append(correct)
    table = pd.DataFrame(rows)
    by_image = np.mean(all_correct, axis=0)
    low, high = bootstrap_interval(lambda drawn: by_image[drawn].mean(), len(split), resamples)
    means = table.groupby("corruption", sort=False)["accuracy"].mean()
    return table, {
        "accuracy": float(by_image.mean()),
        "accuracy_low": low,
        "accuracy_high": high,
        "images": len(split),
        **{str(name): float(value) for name, value in means.items()},
    }


def sample_images(split: Split, count: int, *, seed: int) -> Split:
    """Return `count` images of `split`, drawn without replacement, in their order, or all it has."""
    chosen = np.random.default_rng(seed).permutation(len(split))[:count]
    chosen.sort()
    return Split(np.asarray(split.images[chosen]), split.labels[chosen])
