"""A worker's loop: trials of a study until it needs no more."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from darkroom.config import Params, override
from darkroom.training.history import Epoch
from darkroom.tuning.liveness import heartbeat, record_heartbeat, release_dead, worker_lock
from darkroom.tuning.objective import Attempt, Objective, Pruned, failure
from darkroom.tuning.sampling import nested, suggest
from darkroom.tuning.storage import one_at_a_time
from darkroom.tuning.trial_states import counts_for_total, goes_on, is_over, time_left

log = logging.getLogger(__name__)

LOOK = 1.0  # seconds between two looks at a study in which all trials are taken


def work(
    study: optuna.Study,
    *,
    params: Params,
    objective: Objective,
    folder: Path,
    on_trial: Callable[[int], None] = lambda first: None,
) -> None:
    """Run trials of the study until it has its total or its time is over.

    `on_trial` is called after each with its number, or that of the trial it went on with.

    Several workers share the trials out: as many as the budget says come to their end or are pruned, not
    one more. A trial that fails by what it tried (see `failure`) is kept with the reason and another one
    made for it. Where a worker died, its trial is queued again, with its epochs; in `folder`, which the
    workers of this machine share, each keeps a lock by which the others see at once whether it lives.
    """
    with worker_lock(folder / "workers") as worker:
        while not is_over(study):
            release_dead(study, folder, dead_after=params.tune.dead_after)
            trial = _next_trial(study, worker)
            if trial is None:
                time.sleep(LOOK)
                continue
            try:
                with heartbeat(study, trial):
                    _run(study, trial, params, objective)
            except UpdateFinishedTrialError:
                log.warning(
                    "trial %s was taken over by another worker: this one gave no sign of life for "
                    "%s seconds (tune.dead_after)",
                    trial.number,
                    params.tune.dead_after,
                )
            on_trial(trial.user_attrs.get("first", trial.number))


def _next_trial(study: optuna.Study, worker: str) -> optuna.Trial | None:
    """Begin a trial; None where the study needs no more than those that are under way."""
    total = study.user_attrs["budget"]["trials"]
    trials = study.get_trials(deepcopy=False)
    in_time = time_left(study, trials)
    waiting = [trial for trial in trials if trial.state == TrialState.WAITING]
    if not (in_time and sum(map(counts_for_total, trials)) < total) and not (
        waiting and (in_time or any(map(goes_on, waiting)))
    ):
        return None
    with one_at_a_time(study):
        trial = study.ask()
        record_heartbeat(study, trial)
        trial.set_user_attr("worker", worker)
    # each worker may have thought that it begins the last one: those before it by number are
    before = sum(counts_for_total(other) for other in study.get_trials(deepcopy=False)[: trial.number])
    if before >= total or not (in_time or "first" in trial.user_attrs):
        trial.set_user_attr("surplus", value=True)
        study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
        return None
    return trial


def _run(study: optuna.Study, trial: optuna.Trial, params: Params, objective: Objective) -> None:
    """Try a trial and tell the study how it ended; what is a mistake in the code is raised."""
    tune = params.tune
    reported = max(study.get_trials(deepcopy=False)[trial.number].intermediate_values, default=0)
    trial.set_user_attr("began", time.time())

    def report(epoch: Epoch) -> None:
        assert epoch.validation_accuracy is not None, "trials have validation images"
        if epoch.epoch > reported:
            trial.report(epoch.validation_accuracy, epoch.epoch)
        trial.set_user_attr("ended", time.time())
        if max(reported, tune.min_epochs) <= epoch.epoch < tune.epochs and trial.should_prune():
            raise Pruned(f"stopped after epoch {epoch.epoch}")

    state, accuracy = TrialState.FAIL, None
    try:
        values = suggest(trial, tune.space)
        attempt = Attempt(
            number=trial.number,
            first=trial.user_attrs.get("first", trial.number),
            values=values,
            notes=trial.user_attrs,
            note=trial.set_user_attr,
            report=report,
        )
        accuracy = objective(override(params, nested(values)), attempt)
        state = TrialState.COMPLETE
    except Pruned:
        state = TrialState.PRUNED
    except UpdateFinishedTrialError:
        raise
    except Exception as error:
        reason = failure(error)
        trial.set_user_attr("reason", reason or f"{type(error).__name__}: {error}")
        if reason is None:
            study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
            raise
        log.warning("trial %s failed: %s", trial.number, reason)
    trial.set_user_attr("ended", time.time())
    study.tell(trial, accuracy, state=state, skip_if_finished=True)
