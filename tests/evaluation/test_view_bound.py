"""The confidence from which on one view is enough, by hand-made validation images."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from darkroom.evaluation.view_bound import BOUNDS, bound_summary, choose_bound, lowest_allowed

IMAGES = 4000


def step(confidence: NDArray[np.float32], bound: float) -> NDArray[np.float32]:
    """All views of the images below the bound, without a passage."""
    return (confidence < bound).astype(np.float32)


def two_classes(wrong_by_one_view: int, doubtful: int = 400) -> tuple[Any, Any, NDArray[np.int64]]:
    """Return logits by one view, probabilities by all views, and labels, of images of which all are right.

    One view leaves `doubtful` images in doubt, with a confidence of about 0.6; it is wrong on some of the
    others, and as sure of them.
    """
    labels = np.zeros(IMAGES, dtype=np.int64)
    one = np.zeros((IMAGES, 2), dtype=np.float32)
    one[:, 0] = 6.0
    one[:doubtful, 0] = 0.4
    one[:doubtful:3, 0] = -0.4
    one[IMAGES - wrong_by_one_view :, 0] = -6.0
    every = np.tile(np.array([0.98, 0.02], np.float32), (IMAGES, 1))
    return one, every, labels


def test_the_lowest_bound_that_changes_hardly_an_answer_is_chosen() -> None:
    one, every, labels = two_classes(wrong_by_one_view=0)
    bound = choose_bound(one, every, labels, views=6, weight=step)
    rows = {row["enough_from"]: row for row in bound.report["bounds"]}
    assert rows[0.5]["changed"] == pytest.approx(134 / IMAGES)
    assert rows[0.5]["all_views_share"] == 0
    assert bound.enough_from == min(b for b in BOUNDS if rows[b]["changed"] == 0)
    chosen = rows[bound.enough_from]
    assert chosen["all_views_share"] == 0.1
    assert chosen["work"] == pytest.approx(1 / 6 + 0.1)
    assert chosen["accuracy"] == bound.report["all_views"]["accuracy"] == 1.0
    assert bound.report["one_view"]["accuracy"] == pytest.approx(1 - 134 / IMAGES)
    np.testing.assert_allclose(bound.probabilities[:400], every[:400], atol=1e-6)
    assert "10.0% of the validation images need all views, 27% of the work" in bound_summary(bound)


def test_all_views_are_kept_where_no_bound_saves_work() -> None:
    one, every, labels = two_classes(wrong_by_one_view=40)  # as sure of these as of the others
    bound = choose_bound(one, every, labels, views=6, weight=step)
    assert bound.enough_from is None
    np.testing.assert_array_equal(bound.probabilities, every)
    assert "all views of every image are computed" in bound_summary(bound)


@pytest.mark.parametrize(
    ("changed", "work", "images", "chosen"),
    [
        ((0.004, 0.0, 0.0), (0.2, 0.4, 0.6), 5000, 0.95),
        ((0.0, 0.004, 0.0), (0.2, 0.4, 0.6), 5000, 0.98),  # below a bound that changes answers none is taken
        ((0.0, 0.0, 0.004), (0.2, 0.4, 0.6), 5000, None),
        ((0.0, 0.0, 0.0), (0.2, 0.4, 0.6), 1900, None),  # too few images to say so
        ((0.0, 0.0, 0.0), (1.0, 1.1, 1.2), 5000, None),
        ((0.0, 0.0, 0.0), (0.9, 1.1, 1.2), 5000, 0.9),
        ((0.0002, 0.0, 0.0), (0.2, 0.4, 0.6), 5000, 0.9),  # one answer of 5,000
        ((0.0004, 0.0, 0.0), (0.2, 0.4, 0.6), 5000, 0.95),
    ],
)
def test_the_bound_needs_few_changes_from_there_on(
    changed: tuple[float, ...], work: tuple[float, ...], images: int, chosen: float | None
) -> None:
    rows = [
        {"enough_from": bound, "changed": share, "work": part}
        for bound, share, part in zip((0.9, 0.95, 0.98), changed, work, strict=True)
    ]
    assert lowest_allowed(rows, images=images) == chosen


def test_too_few_images_are_refused() -> None:
    one, every, labels = two_classes(wrong_by_one_view=0)
    with pytest.raises(ValueError, match="20 images are too few to choose a bound on: give 30 or more"):
        choose_bound(one[:20], every[:20], labels[:20], views=6, weight=step)
