"""The headline figures of several labels, with intervals by bootstrap over the images."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.multilabel.average_precision import (
    mean_average_precision,
    micro_average_precision,
    resampled_average_precisions,
)
from darkroom.evaluation.multilabel.per_image import image_figures
from darkroom.evaluation.multilabel.precision_recall_f1 import (
    mean_figures,
    precision_recall_f1,
    top,
)
from darkroom.evaluation.multilabel.ranking import ranking_figures
from darkroom.evaluation.multilabel.resampling import draws

TOP = 3  # labels of the highest scores, for the figures that other work has of them


def headline(
    probabilities: NDArray[np.floating],
    decisions: NDArray[np.bool_],
    labels: NDArray[np.int8],
    *,
    resamples: int,
    seed: int = 0,
) -> dict[str, Any]:
    """Return all figures by name; `<name>_low` and `<name>_high` are ends of 95 % intervals.

    Intervals are percentiles of a bootstrap of the images (Efron 1979), of `resamples` draws by `seed`.
    `accuracy` is the share of images whose labels are all right, so that it is in the place where the figures
    of one label have it.
    """
    images, order = image_figures(decisions, labels), ranking_figures(probabilities, labels)
    figures: dict[str, Any] = {
        "images": len(labels),
        "average_precision": mean_average_precision(probabilities, labels),
        "micro_average_precision": micro_average_precision(probabilities, labels),
        **mean_figures(decisions, labels),
        **{
            f"{name}_top{TOP}": value for name, value in mean_figures(top(probabilities, TOP), labels).items()
        },
        "image_precision": float(images["precision"].mean()),
        "image_recall": float(images["recall"].mean()),
        "image_f1": float(images["f1"].mean()),
        "image_f2": float(images["f2"].mean()),
        "accuracy": float(images["exact"].mean()),
        "hamming_loss": float(images["hamming"].mean()),
        **{name: float(np.nanmean(value)) for name, value in order.items()},
    }
    for name, (low, high) in intervals(
        probabilities, decisions, labels, resamples=resamples, seed=seed
    ).items():
        figures |= {f"{name}_low": low, f"{name}_high": high}
    return figures


def intervals(
    probabilities: NDArray[np.floating],
    decisions: NDArray[np.bool_],
    labels: NDArray[np.int8],
    *,
    resamples: int,
    seed: int,
) -> dict[str, tuple[float, float]]:
    """Return the 95 % intervals of mAP, macro F1, micro F1, image F1, exact match and Hamming loss."""
    count = len(labels)
    right, wrong, missed = (
        (part).astype(np.float64)
        for part in (decisions & (labels == 1), decisions & (labels == 0), ~decisions & (labels == 1))
    )
    images = image_figures(decisions, labels)
    drawn: dict[str, list[NDArray[np.float64]]] = {}
    for drawn_times in draws(count, resamples=resamples, seed=seed):
        times = drawn_times.astype(np.float64)
        precision = resampled_average_precisions(probabilities, labels, times)
        counts = [times @ part for part in (right, wrong, missed)]
        _, _, f1 = precision_recall_f1(*counts)
        there = counts[0] + counts[2] > 0
        found = {
            "average_precision": np.nanmean(precision, axis=1),
            "macro_f1": np.where(there, f1, 0).sum(axis=1) / np.maximum(there.sum(axis=1), 1),
            "of1": precision_recall_f1(*(each.sum(axis=1) for each in counts))[2],
            "image_f1": times @ images["f1"] / count,
            "accuracy": times @ images["exact"] / count,
            "hamming_loss": times @ images["hamming"] / count,
        }
        for name, values in found.items():
            drawn.setdefault(name, []).append(values)
    ends = {name: np.nanquantile(np.concatenate(values), [0.025, 0.975]) for name, values in drawn.items()}
    return {name: (float(low), float(high)) for name, (low, high) in ends.items()}
