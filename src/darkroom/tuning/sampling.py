"""Which values a trial tries, and when it is stopped early."""

from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from darkroom.config import Params
from darkroom.config.search_space import Choices, Leaf, Space, walk_space
from darkroom.config.tune import Tune


def pruner(tune: Tune) -> optuna.pruners.BasePruner:
    """Return the pruner that `tune.pruner` names."""
    if tune.pruner == "asha":
        return optuna.pruners.SuccessiveHalvingPruner(
            min_resource=tune.min_epochs, reduction_factor=tune.reduction_factor
        )
    if tune.pruner == "hyperband":
        return optuna.pruners.HyperbandPruner(
            min_resource=tune.min_epochs, max_resource=tune.epochs, reduction_factor=tune.reduction_factor
        )
    if tune.pruner == "median":
        return optuna.pruners.MedianPruner(
            n_startup_trials=tune.startup_trials, n_warmup_steps=tune.min_epochs
        )
    return optuna.pruners.NopPruner()


class _SamplerByNumber(optuna.samplers.BaseSampler):
    """Draws each trial by the seed and its number.

    So a study that goes on does not draw its first points again, and two workers never draw the same.
    """

    def __init__(self, params: Params) -> None:
        self._seed, self._tune = params.seed, params.tune
        # of a space with conditions each part has a model of its own
        self._parts = any(
            isinstance(leaf, tuple) or leaf.when
            for leaves in params.tune.space.values()
            for leaf in leaves.values()
        )

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        seed = (self._seed * 1_000_003 + trial.number) % 2**32
        self._sampler: optuna.samplers.BaseSampler = (
            optuna.samplers.RandomSampler(seed=seed)
            if self._tune.sampler == "random"
            else optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=self._tune.startup_trials, group=self._parts
            )
        )

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


def sampler(params: Params) -> optuna.samplers.BaseSampler:
    """Return the sampler that `tune.sampler` names, seeded by each trial's number."""
    return _SamplerByNumber(params)


def suggest(trial: optuna.Trial, space: Space) -> dict[str, Any]:
    """Return the trial's values by dotted name; only leaves whose condition holds have one."""

    def choose(name: str, label: str, leaf: Leaf) -> Any:
        if isinstance(leaf, Choices):
            return trial.suggest_categorical(label, leaf.choices)
        if isinstance(leaf.low, int) and isinstance(leaf.high, int):
            return trial.suggest_int(label, leaf.low, leaf.high, log=leaf.log)
        return trial.suggest_float(label, leaf.low, leaf.high, log=leaf.log)

    return walk_space(space, choose)


def nested(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return values by dotted name as a tree of the params."""
    tree: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        group, _, key = name.partition(".")
        tree.setdefault(group, {})[key] = value
    return tree
