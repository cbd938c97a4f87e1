"""The benchmark of drift counts false alarms, and the shifted images until an alarm."""

from pathlib import Path

from benchmarks.drift import detection, draw, false_alarms, table
from darkroom.serving.monitoring.drift_score import CHECK_EVERY, WINDOW
from tests.helpers.drift import brighter, drift_model, unshifted_images


def test_false_alarms_and_images_until_an_alarm_are_counted(tmp_path: Path) -> None:
    model = drift_model()
    rows, shifted = model.rows(unshifted_images()), model.rows(brighter(unshifted_images()[:600]))
    unshifted = false_alarms(model.reference, rows, orders=2)
    assert unshifted["windows"] == 8
    assert unshifted["alarms"] <= unshifted["any_look"] <= 1
    noticed = detection(model.reference, rows, shifted, seeds=3)
    assert noticed["noticed"] == 1
    assert CHECK_EVERY <= noticed["median"] <= noticed["p95"] <= 150
    never = detection(model.reference, rows, rows, seeds=3)
    assert (never["noticed"], never["median"], never["by"]) == (0, None, None)
    shifts = [{"shift": "bright", "strength": 2, **noticed}, {"shift": "none", "strength": None, **never}]
    result = {"unshifted": unshifted, "shifts": shifts, "window": WINDOW}
    lines = table(result).splitlines()
    assert lines[2].startswith("| checked once each | 8 | ")
    assert lines[-2].startswith("| bright | 2 | 100% | ")
    assert lines[-1] == "| none |  | 0% |  |  |  |"
    draw(tmp_path / "drift.png", result)
    assert (tmp_path / "drift.png").stat().st_size > 10_000
