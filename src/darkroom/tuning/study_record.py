"""A study as one JSON-ready tree: all that its figures and its page need (models/study.json)."""

from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from darkroom.config.search_space import Choices, Leaf, Range, space_name
from darkroom.tuning.trials_table import trial_rows

MIN_FOR_IMPORTANCES = 8  # complete trials: PED-ANOVA compares the best tenth with the rest


def study_record(study: optuna.Study) -> dict[str, Any]:
    """Return the trials, learning curves, searched ranges and importances of a study.

    - `trials`: a row per trial that has ended (see `trials_table`).
    - `curves`: a row per report, with `trial`, `epoch` (from 1) and `validation_accuracy` (0 to 1).
    - `leaves`: by parameter, the range or the choices that trials drew from, as params.yaml writes them.
    - `importances`: by parameter, its share in the differences between trials, the greatest first (PED-ANOVA,
      Watanabe et al. 2023, arXiv:2304.10255). Together they are 1. There are none for a study with fewer than
      `MIN_FOR_IMPORTANCES` complete trials, or whose accuracies are all the same.
    """
    rows = trial_rows(study)
    ended = {row["trial"] for row in rows}
    return {
        "trials": rows,
        "curves": [
            {"trial": trial.number, "epoch": epoch, "validation_accuracy": accuracy}
            for trial in study.get_trials(deepcopy=False)
            if trial.number in ended
            for epoch, accuracy in sorted(trial.intermediate_values.items())
        ],
        "leaves": {
            name: leaf.model_dump(mode="json", exclude={"when"}) for name, leaf in _leaves(study).items()
        },
        "importances": _importances(study),
    }


def _leaves(study: optuna.Study) -> dict[str, Leaf]:
    """Return by parameter what trials drew from: the union, where the space has alternatives."""
    leaves: dict[str, Leaf] = {}
    for trial in study.get_trials(deepcopy=False):
        for label, distribution in trial.distributions.items():
            name = space_name(label)
            leaves[name] = _joined(leaves.get(name), distribution)
    return leaves


def _joined(leaf: Leaf | None, distribution: BaseDistribution) -> Leaf:
    if isinstance(distribution, CategoricalDistribution):
        known = leaf.choices if isinstance(leaf, Choices) else ()
        return Choices.model_validate({"choices": tuple(dict.fromkeys([*known, *distribution.choices]))})
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    low, high, log_scale = distribution.low, distribution.high, distribution.log
    if isinstance(leaf, Range):
        low, high, log_scale = min(low, leaf.low), max(high, leaf.high), log_scale and leaf.log
    return Range(low=low, high=high, log=log_scale)


def _importances(study: optuna.Study) -> dict[str, float]:
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < MIN_FOR_IMPORTANCES or len({trial.value for trial in complete}) == 1:
        return {}
    shares: dict[str, float] = {}
    for label, share in optuna.importance.get_param_importances(study).items():
        shares[space_name(label)] = shares.get(space_name(label), 0.0) + share
    return dict(sorted(shares.items(), key=lambda item: -item[1]))
