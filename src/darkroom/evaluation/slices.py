"""Accuracy on parts of the test set: by class, by brightness, by confidence, and under corruptions."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from darkroom.data.splits import Split
from darkroom.evaluation.corruptions import CORRUPTIONS, STRENGTHS, corrupt
from darkroom.evaluation.intervals import bootstrap_interval, wilson_interval

BRIGHTNESS_PARTS = 5
CONFIDENCE_EDGES = (0.0, 0.5, 0.7, 0.9, 0.99, 1.0)


def share(correct: NDArray[np.bool_]) -> dict[str, Any]:
    """Return `images`, `accuracy`, `accuracy_low` and `accuracy_high` (95 % Wilson interval) of bool [N].

    The accuracy of no images is NaN.

    >>> share(np.array([True, False]))["accuracy"]
    0.5
    """
    low, high = wilson_interval(int(correct.sum()), len(correct))
    accuracy = float(correct.mean()) if len(correct) else float("nan")
    return {"images": len(correct), "accuracy": accuracy, "accuracy_low": low, "accuracy_high": high}


def slices_table(
    split: Split, *, confidence: NDArray[np.float32], correct: NDArray[np.bool_], classes: Sequence[str]
) -> pd.DataFrame:
    """Return a row a part of `split`: `slice` (what it is cut by), `group`, and the columns of `share`.

    Brightness is an image's mean pixel value, cut into five parts with as many images each;
    confidence, the probability of the predicted class, is cut at 0.5, 0.7, 0.9 and 0.99. Both arrays are [N].
    """
    groups = [("class", name, split.labels == number) for number, name in enumerate(classes)]
    brightness = _brightness(split.images)
    edges = np.quantile(brightness, np.linspace(0, 1, BRIGHTNESS_PARTS + 1))
    part = np.searchsorted(edges[1:-1], brightness, side="right")
    for number in range(BRIGHTNESS_PARTS):
        name = f"{edges[number]:.0f} to {edges[number + 1]:.0f}"
        groups.append(("brightness", name, part == number))
    part = np.searchsorted(CONFIDENCE_EDGES[1:-1], confidence, side="right")
    for number, (low, high) in enumerate(pairwise(CONFIDENCE_EDGES)):
        groups.append(("confidence", f"{low:g} to {high:g}", part == number))
    return pd.DataFrame(
        [{"slice": kind, "group": name, **share(correct[inside])} for kind, name, inside in groups]
    )


def corruptions_table(
    predict: Callable[[Split], NDArray[np.float32]], split: Split, *, seed: int, resamples: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Predict `split` under every corruption at every strength.

    Args:
        predict: returns the probabilities [N,K] of a split.
        split: the images as they are, N of at least 1.
        seed: of the corruptions that draw.
        resamples: of the images, for the interval of the mean.

    Returns:
        A row a corruption and strength: `corruption`, `strength` and the columns of `share`; and the mean
        corruption accuracy as `accuracy` with `accuracy_low` and `accuracy_high` (95 %, over the
        images), `images`, and each corruption's mean over the strengths by its name.
    """
    rows, all_correct = [], []
    cases = [(name, strength) for name in CORRUPTIONS for strength in STRENGTHS]
    for name, strength in tqdm(cases, desc="corruptions", disable=None):
        harder = Split(corrupt(split.images, name, strength, seed=seed), split.labels)
        correct = predict(harder).argmax(axis=1) == split.labels
        rows.append({"corruption": name, "strength": strength, **share(correct)})
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


def _brightness(images: NDArray[np.uint8], chunk: int = 4096) -> NDArray[np.float64]:
    """Return each image's mean pixel value, 0 to 255; the images may be larger than memory."""
    parts = [images[start : start + chunk].mean(axis=(1, 2, 3)) for start in range(0, len(images), chunk)]
    return np.concatenate(parts)
