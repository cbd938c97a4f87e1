"""The paired bootstrap: which of two models has the higher mAP on the same images, and whether by chance."""

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.multilabel.average_precision import resampled_average_precisions
from darkroom.evaluation.multilabel.resampling import draws


def paired_differences(
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    labels: NDArray[np.int8],
    *,
    resamples: int,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return the difference in mAP of two models in each of `resamples` draws of images, float64 [R].

    Both models are measured on the same draw (Efron and Tibshirani 1993, "An introduction to the bootstrap"),
    so what is hard for both cancels out. `first` and `second` are scores [N,L].
    """
    drawn = []
    for times in draws(len(labels), resamples=resamples, seed=seed):
        one, other = (
            np.nanmean(resampled_average_precisions(scores, labels, times), axis=1)
            for scores in (first, second)
        )
        drawn.append(one - other)
    return np.concatenate(drawn)


def two_sided_p(differences: NDArray[np.float64]) -> float:
    """Return the p-value of no difference from bootstrap differences: twice the smaller tail, 1 at most.

    One is added to both counts, so that it is never 0 (Davison and Hinkley 1997, section 4.2).

    >>> two_sided_p(np.array([0.1] * 98 + [-0.1]))
    0.04
    """
    below, above = (differences <= 0).sum() + 1, (differences >= 0).sum() + 1
    return float(min(1.0, 2 * min(below, above) / (len(differences) + 1)))
