"""What a study found: the best values, and tables for reports."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import optuna
import pandas as pd
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from darkroom.config.search_space import Choices, Leaf, Range, space_name

if TYPE_CHECKING:
    from darkroom.reporting.study_view import StudyView
from darkroom.tuning.attempt import StudyError
from darkroom.tuning.sampling import nested
from darkroom.tuning.trial_states import count_failures, count_states, finished_trials, reason_of, state_of

FEWEST_FOR_IMPORTANCES = 8  # complete trials; PED-ANOVA compares the best tenth with the rest


def check_result(study: optuna.Study) -> None:
    """Raise StudyError, with the reasons, when not one trial of the study came to its end."""
    trials = study.get_trials(deepcopy=False)
    if count_states(trials, TrialState.COMPLETE):
        return
    reasons = Counter(reason_of(trial) for trial in trials if state_of(trial, trials) == "failed")
    told = "".join(f"\n  {count} × {reason}" for reason, count in reasons.most_common(3))
    raise StudyError(
        f"none of {finished_trials(study) + count_failures(trials)} trials came to its end: narrow "
        f"tune.space to what trains, or give it more tune.trials or tune.minutes{told}"
    )


def best_values(study: optuna.Study) -> dict[str, dict[str, Any]]:
    """Return the best trial's values as a tree of the params, which training lays over the defaults."""
    return nested({space_name(label): value for label, value in study.best_params.items()})


def trials_table(study: optuna.Study) -> pd.DataFrame:
    """Return a row a trial that ended.

    Its number, state (complete, pruned, failed, killed), validation accuracy, epochs, the training images
    it saw, seconds, the reason it ended before its time, and the values tried. A killed one's epochs are
    those of the trial that goes on with it too.
    """
    trials = study.get_trials(deepcopy=False)
    columns = ["trial", "state", "validation_accuracy", "epochs", "images", "seconds", "reason"]
    rows = [_row(trial, trials) for trial in trials if state_of(trial, trials) not in (None, "running")]
    names = dict.fromkeys(name for row in rows for name in row if name not in columns)
    return pd.DataFrame(rows, columns=[*columns, *names])


def study_view(study: optuna.Study) -> "StudyView":
    """Return what the figures of a study show, as plain tables."""
    from darkroom.reporting.study_view import StudyView  # with matplotlib, which workers do without

    table, leaves = trials_table(study), _searched_leaves(study)
    reports = [
        {"trial": trial.number, "epoch": epoch, "validation_accuracy": accuracy}
        for trial in study.get_trials(deepcopy=False)
        if trial.number in set(table["trial"])
        for epoch, accuracy in sorted(trial.intermediate_values.items())
    ]
    return StudyView(
        trials=table.astype({"validation_accuracy": float}),
        curves=pd.DataFrame(reports, columns=["trial", "epoch", "validation_accuracy"]),
        leaves=leaves,
        importances=_importances(study),
    )


def _row(trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> dict[str, Any]:
    last = trial.intermediate_values.get(trial.last_step) if trial.last_step is not None else None
    epochs = len(trial.intermediate_values)
    began, ended = trial.user_attrs.get("began"), trial.user_attrs.get("ended")
    return {
        "trial": trial.number,
        "state": state_of(trial, trials),
        "validation_accuracy": trial.value if trial.value is not None else last,
        "epochs": epochs,
        "images": epochs * int(trial.user_attrs.get("images", 0)),
        "seconds": round(ended - began, 1) if began and ended else None,
        "reason": reason_of(trial),
        **{space_name(label): value for label, value in trial.params.items()},
    }


def _searched_leaves(study: optuna.Study) -> dict[str, Leaf]:
    """Return by name the range or choices that trials drew from; of alternatives what holds them all."""
    leaves: dict[str, Leaf] = {}
    for trial in study.get_trials(deepcopy=False):
        for label, distribution in trial.distributions.items():
            name = space_name(label)
            leaves[name] = _joined(leaves.get(name), distribution)
    return leaves


def _joined(leaf: Leaf | None, distribution: BaseDistribution) -> Leaf:
    if isinstance(distribution, optuna.distributions.CategoricalDistribution):
        known = leaf.choices if isinstance(leaf, Choices) else ()
        return Choices.model_validate({"choices": tuple(dict.fromkeys([*known, *distribution.choices]))})
    assert isinstance(
        distribution, optuna.distributions.IntDistribution | optuna.distributions.FloatDistribution
    )
    low, high, log_scale = distribution.low, distribution.high, distribution.log
    if isinstance(leaf, Range):
        low, high, log_scale = min(low, leaf.low), max(high, leaf.high), log_scale and leaf.log
    return Range(low=low, high=high, log=log_scale)


def _importances(study: optuna.Study) -> dict[str, float]:
    """Return each value's share of what made trials differ, the greatest first; none of too few trials."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < FEWEST_FOR_IMPORTANCES or len({trial.value for trial in complete}) == 1:
        return {}
    shares: dict[str, float] = {}
    for label, share in optuna.importance.get_param_importances(study).items():
        shares[space_name(label)] = shares.get(space_name(label), 0.0) + share
    return dict(sorted(shares.items(), key=lambda item: -item[1]))
