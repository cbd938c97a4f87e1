"""The figures, the page and the tables of real studies are written: many trials, one, and failed ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from darkroom.config import Params
from darkroom.reporting.figures.study import FIGURES
from darkroom.reporting.figures.study.importances import importances_figure
from darkroom.reporting.study_page.document import study_page
from darkroom.reporting.study_report import write_study
from darkroom.tuning.attempt import Attempt
from tests.helpers.studies import CATEGORIES, conditional_study, failing_at, learning, search_study
from tests.helpers.tuning import epoch

WRITTEN = [*FIGURES, "study.html", "tune_curves.csv", "tune_importances.csv"]


def pixels(path: Path) -> np.ndarray[Any, Any]:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(int)


def inked(path: Path, colour: tuple[int, int, int]) -> int:
    return int((np.abs(pixels(path) - colour).max(axis=2) <= 3).sum())


@pytest.mark.integration
def test_importances_need_enough_trials(tmp_path: Path) -> None:
    def by_rate(params: Params, attempt: Attempt) -> float:
        accuracy = 0.9 - abs(np.log10(params.train.learning_rate / 0.1)) / 4
        attempt.report(epoch(1, accuracy))
        return float(accuracy)

    view = search_study(tmp_path, 20, by_rate)
    assert sum(view.importances.values()) == pytest.approx(1)
    assert next(iter(view.importances)) == "train.learning_rate"
    (tmp_path / "few").mkdir()
    few = search_study(tmp_path / "few", 3, by_rate)
    assert few.importances == {}
    importances_figure(tmp_path / "few.png", few)
    importances_figure(tmp_path / "many.png", view)
    assert (
        inked(tmp_path / "many.png", (0x8F, 0xC1, 0xE0))
        > 1000
        > inked(tmp_path / "few.png", (0x8F, 0xC1, 0xE0))
    )
    assert "3 trials completed: too few to rank the parameters" in study_page(few, title="few")


@pytest.mark.integration
@pytest.mark.parametrize(
    ("trials", "objective", "space"),
    [(1, learning, None), (2, failing_at(0), CATEGORIES), (3, failing_at(0, 1, 2, 3), None)],
    ids=["one trial", "categories alone", "all failed"],
)
def test_small_studies_are_shown(
    tmp_path: Path, trials: int, objective: Callable[[Params, Attempt], float], space: dict[str, Any] | None
) -> None:
    view = search_study(tmp_path, trials, objective, **({"space": space} if space else {}))
    shown = write_study(tmp_path / "shown", view, title="study")
    assert [path.name for path in shown] == WRITTEN
    for name in FIGURES:
        assert pixels(tmp_path / "shown" / name).std() > 1
    failed = (view.trials["state"] == "failed").any()
    assert (inked(tmp_path / "shown/tune_history.png", (0xD5, 0x5E, 0x00)) > 20) == failed
    complete = (view.trials["state"] == "complete").any()
    assert (inked(tmp_path / "shown/tune_history.png", (0x00, 0x72, 0xB2)) > 20) == complete
    assert ("none completed" in (tmp_path / "shown/study.html").read_text()) != complete


@pytest.mark.integration
def test_every_file_is_written_whole(tmp_path: Path) -> None:
    write_study(tmp_path, conditional_study(), title="study")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(WRITTEN)
    curves = pd.read_csv(tmp_path / "tune_curves.csv")
    assert len(curves) == len(conditional_study().curves)
    assert inked(tmp_path / "tune_slices.png", (0x00, 0x72, 0xB2)) > 100
    assert all((tmp_path / name).stat().st_size < 1_000_000 for name in WRITTEN)
    first = {name: (tmp_path / name).read_bytes() for name in WRITTEN}
    write_study(tmp_path, conditional_study(), title="study")
    assert {name: (tmp_path / name).read_bytes() for name in WRITTEN} == first, (
        "the same numbers, the same bytes"
    )


def test_without_a_search_figures_and_page_say_so(tmp_path: Path) -> None:
    write_study(tmp_path, None, title="study")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(WRITTEN)
    assert "nothing was searched: tune.trials is 0" in (tmp_path / "study.html").read_text()
    assert pixels(tmp_path / "tune_history.png").std() > 1
