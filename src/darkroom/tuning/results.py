"""The result of a search: the best values, and a summary."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import optuna
import pandas as pd
from optuna.trial import TrialState

from darkroom.config.search_space import space_name
from darkroom.config.train import BestBy
from darkroom.tuning.budget import finished_trials, trials_allowed
from darkroom.tuning.errors import StudyError
from darkroom.tuning.space import nested
from darkroom.tuning.study_record import study_record
from darkroom.tuning.trial_states import count_failed, count_states, reason_of, state_of
from darkroom.tuning.trials_table import as_table, trials_table

SHOWN_REASONS = 3  # of failed trials, in the message that no trial completed


@dataclass(frozen=True)
class SearchResult:
    """What the stage `tune` writes and prints."""

    best_values: dict[str, dict[str, Any]]
    """A tree that training lays over params.yaml."""
    summary: dict[str, Any]
    """Counts of trials and the best of them."""
    trials: pd.DataFrame
    """See `trials_table`."""
    record: dict[str, Any]
    """See `study_record`; besides the name of the `study`, its `experiment` and `run_id` in MLflow."""
    text: str
    """The summary in a sentence or two."""


def search_result(study: optuna.Study, experiment: str, *, best_by: BestBy = "accuracy") -> SearchResult:
    """Return the result of a study whose run in MLflow is in `experiment`.

    `best_by` is the figure of the validation images (train.best_by) that the trials reported.

    Raises StudyError, with the reasons, if no trial completed.
    """
    check_result(study)
    summary = _summary(study, best_by)
    best = f"{study.best_value:.2%} validation {best_by.replace('_', ' ')} with {study.best_params}"
    head = {"study": study.study_name, "experiment": experiment, "run_id": study.user_attrs.get("run_id")}
    return SearchResult(
        best_values=best_values(study),
        summary=summary,
        trials=trials_table(study),
        record=head | study_record(study),
        text=f"{_shortfall(study, summary)}best of {summary['trials']} trials: {best}",
    )


def nothing_searched(experiment: str, why: str = "tune.trials is 0") -> SearchResult:
    """Return the result where there are no trials, and `why`: training takes params.yaml as it is."""
    head = {"study": None, "experiment": experiment, "run_id": None}
    return SearchResult(
        best_values={},
        summary={"trials": 0},
        trials=as_table([]),
        record={**head, "trials": [], "curves": [], "leaves": {}, "importances": {}},
        text=f"{why}: training takes params.yaml as it is",
    )


def check_result(study: optuna.Study) -> None:
    """Raise StudyError, with the most frequent reasons, if no trial of the study completed."""
    trials = study.get_trials(deepcopy=False)
    if count_states(trials, TrialState.COMPLETE):
        return
    reasons = Counter(reason_of(trial) for trial in trials if state_of(trial, trials) == "failed")
    shown = "".join(f"\n  {count} × {reason}" for reason, count in reasons.most_common(SHOWN_REASONS))
    raise StudyError(
        f"none of {finished_trials(study) + count_failed(trials)} trials completed: narrow "
        f"tune.space to what trains, or give it more tune.trials or tune.minutes{shown}"
    )


def best_values(study: optuna.Study) -> dict[str, dict[str, Any]]:
    """Return the best trial's values as a tree that training lays over params.yaml."""
    return nested({space_name(label): value for label, value in study.best_params.items()})


def _summary(study: optuna.Study, best_by: BestBy) -> dict[str, Any]:
    trials = study.get_trials(deepcopy=False)
    return {
        "study": study.study_name,
        "trials": finished_trials(study),
        "pruned": count_states(trials, TrialState.PRUNED),
        "failed": count_failed(trials),
        "best_trial": study.best_trial.number,
        f"best_validation_{best_by}": study.best_value,
    }


def _shortfall(study: optuna.Study, summary: dict[str, Any]) -> str:
    """Return a line about the trials that the budget allows and that were not run; "" if there are none."""
    total = trials_allowed(study)
    missing = total - summary["trials"]
    if missing <= 0:
        return ""
    cause = "as many failed" if summary["failed"] >= total else "the time is over"
    return f"{missing} of {total} trials were not run: {cause}\n"
