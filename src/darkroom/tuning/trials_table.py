"""The trials of a study as a table (reports/trials.csv)."""

from collections.abc import Sequence
from typing import Any

import optuna
import pandas as pd
from optuna.trial import FrozenTrial

from darkroom.config.search_space import space_name
from darkroom.tuning.trial_states import reason_of, state_of

COLUMNS = ["trial", "state", "validation_accuracy", "epochs", "images", "seconds", "reason"]


def trials_table(study: optuna.Study) -> pd.DataFrame:
    """Return a row per trial that has ended, in the order of their numbers.

    The columns are `COLUMNS` and one for each parameter that a trial drew. `state` is complete, pruned,
    failed or killed; `validation_accuracy` (0 to 1; the balanced one where train.best_by says so, and mAP of
    several labels) is the best of a complete trial and the last of another; `images` counts the training
    images seen, over all epochs; `reason` says why a trial ended early. The epochs of a killed trial are
    counted again in the trial that continues it.
    """
    return as_table(trial_rows(study))


def as_table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return rows as a table whose first columns are `COLUMNS`, even if there are no rows."""
    parameters = dict.fromkeys(name for row in rows for name in row if name not in COLUMNS)
    return pd.DataFrame(rows, columns=[*COLUMNS, *parameters])


def trial_rows(study: optuna.Study) -> list[dict[str, Any]]:
    """Return what `trials_table` shows as JSON-ready rows; a parameter that a trial lacks is left out."""
    trials = study.get_trials(deepcopy=False)
    return [_row(trial, trials) for trial in trials if state_of(trial, trials) not in (None, "running")]


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
