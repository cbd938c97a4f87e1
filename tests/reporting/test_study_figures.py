"""A study's figures and its page, of real studies: many trials, one, failed ones, values that some lack."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from PIL import Image

from darkroom.config import Params
from darkroom.config.search_space import Choices, Range
from darkroom.reporting.figures.study import FIGURES, importances_figure
from darkroom.reporting.study_page import study_page, write_study
from darkroom.reporting.study_view import StudyView, accuracy_floor, axis_places, axis_ticks, rungs
from darkroom.training.history import TrainingError
from darkroom.tuning.objective import Attempt
from darkroom.tuning.results import study_view
from darkroom.tuning.study import open_study
from darkroom.tuning.work import work
from tests.page.test_page import CHROMIUM, FLAGS
from tests.tuning.test_study import epoch, params_of

CONDITIONAL = {
    "train": {
        "optimizer": {"choices": ["sgd", "adam"]},
        "learning_rate": [
            {"low": 0.001, "high": 0.1, "log": True, "when": {"train.optimizer": "adam"}},
            {"low": 0.01, "high": 1.0, "log": True},
        ],
        "warmup": {"low": 0.0, "high": 0.4, "when": {"train.optimizer": "sgd"}},
    },
    "augment": {"translate": {"low": 0, "high": 3}},
}
CATEGORIES = {"train": {"batch_size": {"choices": [32, 64, 128]}, "optimizer": {"choices": ["sgd", "adam"]}}}
WRITTEN = [*FIGURES, "study.html", "tune_curves.csv", "tune_importances.csv"]


def learning(params: Params, attempt: Attempt) -> float:
    """Pretend to train, to a little more each time."""
    accuracy = 0.5 + 0.02 * attempt.number
    for number in (1, 2, 3):
        attempt.report(epoch(number, accuracy * number / 3))
    return accuracy


def failing_at(*numbers: int) -> Callable[[Params, Attempt], float]:
    def objective(params: Params, attempt: Attempt) -> float:
        if attempt.number in numbers:
            raise TrainingError("the loss is nan at step 1 of epoch 1")
        return learning(params, attempt)

    return objective


def searched(
    folder: Path, trials: int, objective: Callable[[Params, Attempt], float] = learning, **tune: Any
) -> StudyView:
    """Search by the project's own engine and return what there is to see."""
    params = params_of({"trials": trials, **tune})
    study = open_study(f"sqlite:///{folder / 'study.db'}", "study", params=params)
    work(study, params=params, objective=objective, folder=folder)
    return study_view(study)


@pytest.fixture(scope="module")
def conditional(tmp_path_factory: pytest.TempPathFactory) -> StudyView:
    """Fourteen trials of a space with conditions, some pruned, one failed."""
    return searched(
        tmp_path_factory.mktemp("conditional"), 14, failing_at(2), space=CONDITIONAL, pruner="asha",
        reduction_factor=2, startup_trials=6,
    )  # fmt: skip


def pixels(path: Path) -> np.ndarray[Any, Any]:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(int)


def inked(path: Path, colour: tuple[int, int, int]) -> int:
    return int((np.abs(pixels(path) - colour).max(axis=2) <= 3).sum())


def test_the_view_holds_what_the_trials_did(conditional: StudyView) -> None:
    trials = conditional.trials
    assert len(trials) == 15, "another one was made for the failed"
    assert set(trials["state"]) >= {"complete", "failed"}
    names = {"train.optimizer", "train.learning_rate", "train.warmup", "augment.translate"}
    assert set(conditional.leaves) == names
    rate = conditional.leaves["train.learning_rate"]
    assert isinstance(rate, Range)
    assert (rate.low, rate.high, rate.log) == (0.001, 1.0, True), "holds both alternatives"
    adam = trials["train.optimizer"] == "adam"
    assert trials.loc[adam, "train.warmup"].isna().all()
    assert trials.loc[trials["train.optimizer"] == "sgd", "train.warmup"].notna().all()
    curve = conditional.curves[conditional.curves["trial"] == 0]
    assert list(curve["epoch"]) == [1, 2, 3]
    assert curve["validation_accuracy"].iloc[-1] == pytest.approx(0.5)
    best = conditional.best()
    assert best is not None
    complete = trials[trials["state"] == "complete"]
    assert best["validation_accuracy"] == complete["validation_accuracy"].max()


def test_importances_are_told_of_enough_trials_alone(tmp_path: Path) -> None:
    def by_rate(params: Params, attempt: Attempt) -> float:
        accuracy = 0.9 - abs(np.log10(params.train.learning_rate / 0.1)) / 4
        attempt.report(epoch(1, accuracy))
        return float(accuracy)

    view = searched(tmp_path, 20, by_rate)
    assert sum(view.importances.values()) == pytest.approx(1)
    assert next(iter(view.importances)) == "train.learning_rate"
    (tmp_path / "few").mkdir()
    few = searched(tmp_path / "few", 3, by_rate)
    assert few.importances == {}
    importances_figure(tmp_path / "few.png", few)
    importances_figure(tmp_path / "many.png", view)
    assert (
        inked(tmp_path / "many.png", (0x8F, 0xC1, 0xE0))
        > 1000
        > inked(tmp_path / "few.png", (0x8F, 0xC1, 0xE0))
    )
    assert "3 trials came to an end: too few to tell what mattered" in study_page(few, title="few")


@pytest.mark.parametrize(
    ("trials", "objective", "space"),
    [(1, learning, None), (2, failing_at(0), CATEGORIES), (3, failing_at(0, 1, 2, 3), None)],
    ids=["one trial", "categories alone", "all failed"],
)
def test_small_studies_are_shown(
    tmp_path: Path, trials: int, objective: Callable[[Params, Attempt], float], space: dict[str, Any] | None
) -> None:
    view = searched(tmp_path, trials, objective, **({"space": space} if space else {}))
    shown = write_study(tmp_path / "shown", view, title="study")
    assert [path.name for path in shown] == WRITTEN
    for name in FIGURES:
        assert pixels(tmp_path / "shown" / name).std() > 1
    failed = (view.trials["state"] == "failed").any()
    assert (inked(tmp_path / "shown/tune_history.png", (0xD5, 0x5E, 0x00)) > 20) == failed
    complete = (view.trials["state"] == "complete").any()
    assert (inked(tmp_path / "shown/tune_history.png", (0x00, 0x72, 0xB2)) > 20) == complete
    assert ("not one came to its end" in (tmp_path / "shown/study.html").read_text()) != complete


def test_every_file_is_written_whole(conditional: StudyView, tmp_path: Path) -> None:
    write_study(tmp_path, conditional, title="study")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(WRITTEN)
    curves = pd.read_csv(tmp_path / "tune_curves.csv")
    assert len(curves) == len(conditional.curves)
    assert inked(tmp_path / "tune_slices.png", (0x00, 0x72, 0xB2)) > 100
    assert all((tmp_path / name).stat().st_size < 1_000_000 for name in WRITTEN)
    first = {name: (tmp_path / name).read_bytes() for name in WRITTEN}
    write_study(tmp_path, conditional, title="study")
    assert {name: (tmp_path / name).read_bytes() for name in WRITTEN} == first, (
        "the same numbers, the same bytes"
    )


def test_without_a_search_everything_says_so(tmp_path: Path) -> None:
    write_study(tmp_path, None, title="study")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(WRITTEN)
    assert "nothing was searched: tune.trials is 0" in (tmp_path / "study.html").read_text()
    assert pixels(tmp_path / "tune_history.png").std() > 1


def test_the_page_loads_nothing_and_escapes(conditional: StudyView) -> None:
    page = study_page(conditional, title="<b>study</b> & more")
    assert "<b>" not in page
    assert not re.search(r"(src|href)=|url\(|https?:", page)
    assert "default-src 'none'" in page
    rows = re.findall(r'<tr class="\w+" data-trial="(\d+)"', page)
    assert rows == [str(number) for number in conditional.trials["trial"]]
    assert set(re.findall(r'data-trial="(\d+)"', page)) == set(rows)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH: apt-get install chromium")
def test_a_trial_is_marked_in_every_chart(conditional: StudyView, tmp_path: Path) -> None:
    from playwright.sync_api import expect, sync_playwright

    (tmp_path / "study.html").write_text(study_page(conditional, title="study"), encoding="utf-8")
    best = conditional.best()
    assert best is not None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda line: complaints.append(line.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto((tmp_path / "study.html").as_uri())
        page.locator(f'circle[data-trial="{best["trial"]}"]').first.hover(force=True)
        expect(page.locator("#told")).to_contain_text(f"trial {best['trial']}")
        marked = page.locator("svg .on")
        assert marked.count() >= 5, "history, curve, its end, parallel, slices"
        assert {mark.get_attribute("data-trial") for mark in marked.all()} == {str(best["trial"])}
        page.get_by_label("show those that were pruned").uncheck()
        assert page.locator("tbody tr:visible").count() == (conditional.trials["state"] != "pruned").sum()
        page.get_by_label("show those that were pruned").check()
        heading = page.get_by_role("button", name="validation accuracy")
        heading.click()
        heading.click()
        first = page.locator("tbody tr").first.get_attribute("data-trial")
        highest = conditional.trials.sort_values("validation_accuracy", ascending=False)["trial"].iloc[0]
        assert first == str(highest), "descending at the second click"
        browser.close()
    assert complaints == []


def test_places_and_ticks() -> None:
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


def test_refuses_what_it_cannot_show(conditional: StudyView) -> None:
    with pytest.raises(ValueError, match="the table of trials lacks state"):
        StudyView(conditional.trials.drop(columns="state"), conditional.curves, {}, {})
    with pytest.raises(ValueError, match="the study has no trials"):
        StudyView(conditional.trials.head(0), conditional.curves, {}, {})


def test_a_trial_that_waits_is_not_shown(tmp_path: Path) -> None:
    params = params_of({"trials": 2})
    study = open_study(f"sqlite:///{tmp_path / 'study.db'}", "study", params=params)
    assert study.get_trials(states=(optuna.trial.TrialState.WAITING,))
    with pytest.raises(ValueError, match="the study has no trials"):
        study_view(study)
