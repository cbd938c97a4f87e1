"""From which confidence on one view of an image is enough: chosen on images the model did not train on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.calibration import calibration_error, fit_temperature, scale
from darkroom.evaluation.calibration_fit import FEWEST_IMAGES

# The doubts 0.5, 0.2, 0.1 and so on: few, so that none is chosen because it suits these images by chance.
BOUNDS = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
MOST_CHANGED = 0.0005  # of the answers, which then is also the most by which the accuracy changes


@dataclass(frozen=True)
class ViewBound:
    """The confidence from which on one view is enough, and what it was chosen from.

    Attributes:
        temperature: divides the logits of one view.
        enough_from: the confidence; None: all views of every image are computed.
        report: `temperature`, `enough_from`, the figures by one view and by all views alone (`accuracy` and
            `calibration_error`), and under `bounds` those of each bound: `enough_from`, `all_views_share`
            (images of which all views are needed), `work` (views computed, as a share of all), `changed`
            (answers that differ from those by all views, a share), `accuracy`, `calibration_error`.
        probabilities: of the answers that are served, float32 [N,K]; those by all views where
            `enough_from` is None.
    """

    temperature: float
    enough_from: float | None
    report: dict[str, Any]
    probabilities: NDArray[np.float32]


def choose_bound(
    one: NDArray[np.float32],
    every: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    views: int,
    weight: Callable[[NDArray[np.float32], float], NDArray[np.float32]],
) -> ViewBound:
    """Choose the lowest bound from which on, at every bound, hardly an answer differs from that by all views.

    Of N answers C that differ count as (C+1)/(N+2), Laplace's rule of succession: that none of a few images
    changes says little. At most `MOST_CHANGED` may, so that of fewer than 2,000 images all views are kept.
    They are kept too where no such bound saves work.

    Args:
        one: logits by one view, float [N,K].
        every: probabilities by all views, float [N,K].
        labels: integers [N] within 0..K-1.
        views: how many all are, at least 2.
        weight: returns the share of the answers that all views have, [N], by the confidences [N] of one view
            and a bound.

    Raises:
        ValueError: fewer than `FEWEST_IMAGES` images, or as `fit_temperature`.
    """
    if len(labels) < FEWEST_IMAGES:
        raise ValueError(
            f"{len(labels)} images are too few to choose a bound on: give {FEWEST_IMAGES} or more"
        )
    temperature = fit_temperature(one, labels)
    probabilities = scale(one, temperature)
    served = {}
    rows = []
    for bound in BOUNDS:
        share = weight(probabilities.max(axis=1), bound)
        served[bound] = probabilities + share[:, None] * (every - probabilities)
        rows.append(
            {
                "enough_from": bound,
                "all_views_share": float((share > 0).mean()),
                "work": 1 / views + float((share > 0).mean()),
                "changed": float((served[bound].argmax(axis=1) != every.argmax(axis=1)).mean()),
                **figures(served[bound], labels),
            }
        )
    enough_from = lowest_allowed(rows, images=len(labels))
    report = {
        "temperature": temperature,
        "enough_from": enough_from,
        "one_view": figures(probabilities, labels),
        "all_views": figures(every, labels),
        "bounds": rows,
    }
    chosen = every if enough_from is None else served[enough_from]
    return ViewBound(temperature, enough_from, report, chosen)


def lowest_allowed(rows: list[dict[str, Any]], *, images: int) -> float | None:
    """Return the lowest bound that saves work and at and above which few enough answers change, or None.

    >>> rows = [
    ...     {"enough_from": 0.9, "changed": 0.002, "work": 0.3},
    ...     {"enough_from": 0.95, "changed": 0.0, "work": 0.4},
    ... ]
    >>> lowest_allowed(rows, images=5000)
    0.95
    >>> lowest_allowed(rows, images=1000)

    Args:
        rows: of the bounds, the lowest first: `enough_from`, `changed` and `work`.
        images: from which they were measured.
    """
    lowest = None
    for row in reversed(rows):
        if (row["changed"] * images + 1) / (images + 2) > MOST_CHANGED:
            break
        if row["work"] < 1:
            lowest = row["enough_from"]
    return lowest


def figures(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> dict[str, float]:
    """Return the `accuracy` and the `calibration_error` of probabilities [N,K] with labels [N]."""
    correct = probabilities.argmax(axis=1) == labels
    return {
        "accuracy": float(correct.mean()),
        "calibration_error": calibration_error(probabilities.max(axis=1), correct),
    }


def bound_summary(bound: ViewBound) -> str:
    """Return in one line what was chosen."""
    every, rows = bound.report["all_views"], bound.report["bounds"]
    if bound.enough_from is None:
        return (
            "all views of every image are computed: no confidence of one view was found from which on at "
            f"most {MOST_CHANGED:.2%} of the answers change and work is saved"
        )
    (row,) = [row for row in rows if row["enough_from"] == bound.enough_from]
    return (
        f"one view is enough from a confidence of {bound.enough_from:g}: {row['all_views_share']:.1%} of the "
        f"validation images need all views, {row['work']:.0%} of the work; accuracy {row['accuracy']:.2%} "
        f"(all views {every['accuracy']:.2%}), calibration error {row['calibration_error']:.2%} "
        f"({every['calibration_error']:.2%})"
    )
