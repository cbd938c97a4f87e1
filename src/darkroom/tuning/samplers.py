"""Samplers: which values a trial tries. `SAMPLERS` has them by their name in params.yaml (tune.sampler)."""

from collections.abc import Callable
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from darkroom.config import Params
from darkroom.config.tune import Tune


def tpe(tune: Tune, seed: int) -> optuna.samplers.BaseSampler:
    """Tree-structured Parzen estimator (Bergstra et al. 2011), random for `tune.startup_trials` trials.

    In a space with conditions, each group of parameters that occur together gets a model of its own.
    """
    conditional = any(
        isinstance(leaf, tuple) or leaf.when for leaves in tune.space.values() for leaf in leaves.values()
    )
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=tune.startup_trials, group=conditional)


def random(tune: Tune, seed: int) -> optuna.samplers.BaseSampler:
    """Independent uniform draws (log-uniform where the range is logarithmic)."""
    return optuna.samplers.RandomSampler(seed=seed)


SAMPLERS: dict[str, Callable[[Tune, int], optuna.samplers.BaseSampler]] = {"tpe": tpe, "random": random}


def seeded_sampler(params: Params) -> optuna.samplers.BaseSampler:
    """Return the sampler of params.yaml, seeded anew for each trial by `seed` and the trial's number.

    So a resumed study does not repeat its first points, and no two workers ever draw the same point.
    """
    return _SeededByTrial(params)


class _SeededByTrial(optuna.samplers.BaseSampler):
    def __init__(self, params: Params) -> None:
        self._seed, self._tune = params.seed, params.tune

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        seed = (self._seed * 1_000_003 + trial.number) % 2**32
        self._sampler = SAMPLERS[self._tune.sampler](self._tune, seed)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)
