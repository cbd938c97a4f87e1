"""Places and ticks on the axes of a study's charts."""

import numpy as np
import pandas as pd
import pytest

from darkroom.config.search_space import Choices, Range
from darkroom.reporting.study_scales import accuracy_floor, axis_places, axis_ticks
from darkroom.reporting.study_view import StudyView, rungs


def test_places_and_ticks_of_an_axis() -> None:
    rate = Range(low=0.001, high=1.0, log=True)
    places = axis_places(rate, pd.Series([0.001, np.sqrt(0.001), 1.0, np.nan]))
    assert places[:3] == pytest.approx([0, 0.5, 1])
    assert np.isnan(places[3])
    assert [text for _, text in axis_ticks(rate)] == ["0.001", "0.01", "0.1", "1"]
    assert [text for _, text in axis_ticks(Range(low=0.06, high=0.24, log=True))] == ["0.1", "0.2"]
    assert [text for _, text in axis_ticks(Range(low=0, high=3))] == ["0", "1", "2", "3"]
    assert axis_ticks(Range(low=2, high=2)) == [(0.5, "2")]
    choices = Choices(choices=("a", True, 3))
    assert list(axis_places(choices, pd.Series(["a", True, 3], dtype=object))) == [0, 0.5, 1]
    assert axis_ticks(Choices(choices=(7,))) == [(0.5, "7")]


def test_rungs_and_floor() -> None:
    curves = pd.DataFrame(
        [(trial, number, 0.5) for trial, last in enumerate([1, 1, 3, 3, 9]) for number in range(1, last + 1)],
        columns=["trial", "epoch", "validation_accuracy"],
    )
    assert rungs(curves) == {1: 5, 3: 3, 9: 1}
    trials = pd.DataFrame(
        {"trial": range(5), "state": "complete", "validation_accuracy": [0.9, 0.9, 0.88, 0.88, 0.1]}
    )
    view = StudyView(trials, curves, {}, {})
    assert accuracy_floor(view) == pytest.approx(0.9 - 2.5 * 0.02), "one that learned nothing is not to scale"
