"""Pruners: when a trial is stopped early. `PRUNERS` has them by their name in params.yaml (tune.pruner)."""

from collections.abc import Callable

import optuna

from darkroom.config.tune import Tune


def asha(tune: Tune) -> optuna.pruners.BasePruner:
    """Asynchronous successive halving (Li et al. 2018, arXiv:1810.05934).

    One trial in `tune.reduction_factor` continues after `tune.min_epochs` epochs, again after that times
    the factor, and so on.
    """
    return optuna.pruners.SuccessiveHalvingPruner(
        min_resource=tune.min_epochs, reduction_factor=tune.reduction_factor
    )


def hyperband(tune: Tune) -> optuna.pruners.BasePruner:
    """Several successive halvings that start to prune at different epochs (arXiv:1603.06560)."""
    return optuna.pruners.HyperbandPruner(
        min_resource=tune.min_epochs, max_resource=tune.epochs, reduction_factor=tune.reduction_factor
    )


def median(tune: Tune) -> optuna.pruners.BasePruner:
    """Stop a trial that is worse than half of the earlier ones were at the same epoch."""
    return optuna.pruners.MedianPruner(n_startup_trials=tune.startup_trials, n_warmup_steps=tune.min_epochs)


def none(tune: Tune) -> optuna.pruners.BasePruner:
    """Train every trial for all of its epochs."""
    return optuna.pruners.NopPruner()


PRUNERS: dict[str, Callable[[Tune], optuna.pruners.BasePruner]] = {
    "asha": asha,
    "hyperband": hyperband,
    "median": median,
    "none": none,
}
