"""A study as its figures and its page show it: plain tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pydantic import TypeAdapter

from darkroom.config.search_space import Choices, Leaf, Range
from darkroom.reporting.figures.style import format_share


@dataclass(frozen=True)
class StudyView:
    """The trials of a study. All accuracies are shares of the validation images, 0 to 1."""

    trials: pd.DataFrame
    """One row per trial: `trial`, `state` (complete, pruned, failed, …), `validation_accuracy` (of a pruned
    trial the last, NaN if there is none), and a column for each of `leaves`, empty if the trial lacks it."""
    curves: pd.DataFrame
    """One row per report: `trial`, `epoch` (from 1) and `validation_accuracy`, in the order of the epochs."""
    leaves: Mapping[str, Leaf]
    """The range or the choices that were searched, by parameter, which is a column of `trials`."""
    importances: Mapping[str, float]
    """By parameter, together 1, the greatest first; empty if there are too few trials."""

    def __post_init__(self) -> None:
        if self.trials.empty:
            raise ValueError("the study has no trials: there is nothing to show")
        for name, table, columns in (
            ("trials", self.trials, {"trial", "state", "validation_accuracy", *self.leaves}),
            ("curves", self.curves, {"trial", "epoch", "validation_accuracy"}),
        ):
            missing = sorted(columns - set(table.columns))
            if missing:
                raise ValueError(f"the table of {name} lacks {', '.join(missing)}")

    def of_state(self, state: str) -> pd.DataFrame:
        """Return the trials of a state."""
        return self.trials[self.trials["state"] == state]

    def best(self) -> pd.Series | None:
        """Return the complete trial with the best accuracy, the first of equals; None if there is none."""
        complete = self.of_state("complete")
        return None if complete.empty else complete.iloc[int(complete["validation_accuracy"].argmax())]

    def summary(self) -> str:
        """Return a line with the number of trials and the best of them."""
        numbers = {state: len(self.of_state(state)) for state in ("pruned", "failed")}
        counts = [f"{len(self.trials)} trial{'s' if len(self.trials) > 1 else ''}"]
        counts += [f"{number} {state}" for state, number in numbers.items() if number]
        best = self.best()
        if best is None:
            return f"{', '.join(counts)}; none completed"
        accuracy = format_share(best["validation_accuracy"], 2)
        return f"{', '.join(counts)}; the best is trial {best['trial']} with {accuracy}"


def read_study(record: Mapping[str, Any]) -> StudyView:
    """Return the view of a study from the tree in models/study.json (see `tuning.study_record`).

    Raises ValueError if the study has no trials.
    """
    rows, curves = record["trials"], ["trial", "epoch", "validation_accuracy"]
    adapter: TypeAdapter[Leaf] = TypeAdapter(Choices | Range)
    return StudyView(
        trials=pd.DataFrame(rows, columns=list(dict.fromkeys(name for row in rows for name in row))).astype(
            {"validation_accuracy": float} if rows else {}
        ),
        curves=pd.DataFrame(record["curves"], columns=curves),
        leaves={name: adapter.validate_python(leaf) for name, leaf in record["leaves"].items()},
        importances=record["importances"],
    )


def why_no_importances(view: StudyView) -> str:
    """Return a sentence, without its full stop, on why the view has no importances."""
    complete = len(view.of_state("complete"))
    return f"{complete} trial{'s' if complete != 1 else ''} completed: too few to rank the parameters"


def rungs(curves: pd.DataFrame) -> dict[int, int]:
    """Return by epoch how many trials reached it, for the last epoch and those that fewer trials followed.

    >>> rungs(pd.DataFrame({"trial": [0, 0, 1], "epoch": [1, 2, 1], "validation_accuracy": 0.5}))
    {1: 2, 2: 1}
    """
    counts = curves.groupby("epoch")["trial"].nunique().sort_index()
    epochs, numbers = counts.index.to_numpy(int).tolist(), counts.to_numpy(int).tolist()
    ended = zip(epochs, numbers, [*numbers[1:], 0], strict=True)
    return {epoch: number for epoch, number, after in ended if after < number}
