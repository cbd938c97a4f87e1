"""Brightness."""

from darkroom.evaluation.corruptions.apply import corrupt
from tests.helpers.corruptions import grey


def test_brightness_matches_a_computation_by_hand() -> None:
    assert corrupt(grey([0, 100], [204, 250]), "brightness", 4, seed=0).ravel().tolist() == [
        51, 151, 255, 255,
    ]  # fmt: skip
