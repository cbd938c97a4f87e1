"""The loop of a worker: it runs trials until the study needs no more."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from darkroom import stopping
from darkroom.config import Params, override
from darkroom.disk import explain
from darkroom.training.history import Epoch
from darkroom.tuning.attempt import Attempt, Objective
from darkroom.tuning.budget import counts_for_total, has_time_left, is_over, progress_text, trials_allowed
from darkroom.tuning.dead_workers import release_dead
from darkroom.tuning.errors import Pruned, failure_reason
from darkroom.tuning.heartbeats import heartbeat, record_heartbeat
from darkroom.tuning.requeueing import requeue
from darkroom.tuning.space import nested, suggest
from darkroom.tuning.storage import one_at_a_time
from darkroom.tuning.trial_states import continues_another
from darkroom.tuning.worker_locks import worker_lock

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0  # between two checks of a study whose remaining trials are all taken


def run_trials(
    study: optuna.Study,
    *,
    params: Params,
    objective: Objective,
    folder: Path,
    on_trial: Callable[[int], None] = lambda first: None,
) -> None:
    """Run trials of the study until its budget is used up.

    Several workers share the budget: exactly as many trials as it allows complete or are pruned. A trial
    that fails because of its values (see `failure_reason`) is kept with the reason, and another one
    replaces it; any other error is raised. A trial whose worker died is queued again with its epochs, and so
    is the running one when a signal stops this worker (`darkroom.stopping`), which raises Stopped, or when an
    error of the disk does. In `folder`, which the workers of this machine share, each holds a lock that shows
    the others that it lives.
    `on_trial` is called after each trial with its number, or the number of the trial that it continued.
    """
    locks = folder / "workers"
    with stopping.deferred(), worker_lock(locks) as worker:
        while not is_over(study):
            stopping.stop_if_requested(progress_text(study))
            release_dead(study, locks, dead_after=params.tune.dead_after)
            trial = _next_trial(study, worker)
            if trial is None:
                time.sleep(POLL_SECONDS)
                continue
            try:
                with heartbeat(study, trial):
                    _run(study, trial, params, objective, folder)
            except UpdateFinishedTrialError:
                log.warning(
                    "trial %s was taken over by another worker: this one sent no heartbeat for %s seconds "
                    "(tune.dead_after)",
                    trial.number,
                    params.tune.dead_after,
                )
            on_trial(_first_number(trial))


def _next_trial(study: optuna.Study, worker: str) -> optuna.Trial | None:
    """Begin a trial; return None if the running trials are all that the study needs."""
    total = trials_allowed(study)
    trials = study.get_trials(deepcopy=False)
    in_time = has_time_left(study, trials)
    waiting = [trial for trial in trials if trial.state == TrialState.WAITING]
    if not (in_time and sum(map(counts_for_total, trials)) < total) and not (
        waiting and (in_time or any(map(continues_another, waiting)))
    ):
        return None
    with one_at_a_time(study):
        trial = study.ask()
        record_heartbeat(study, trial)
        trial.set_user_attr("worker", worker)
    # several workers may have begun the last trial at once: the one with the lowest number counts
    before = sum(counts_for_total(other) for other in study.get_trials(deepcopy=False)[: trial.number])
    if before >= total or not (in_time or "first" in trial.user_attrs):
        trial.set_user_attr("surplus", value=True)
        study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
        return None
    return trial


def _run(
    study: optuna.Study, trial: optuna.Trial, params: Params, objective: Objective, folder: Path
) -> None:
    """Run one trial and store how it ended; an error that is a mistake in the code is raised."""
    tune = params.tune
    reported = max(study.get_trials(deepcopy=False)[trial.number].intermediate_values, default=0)
    trial.set_user_attr("began", time.time())

    def report(epoch: Epoch) -> None:
        score = epoch.score(params.train.best_by)
        assert score is not None, "trials have validation images"
        if epoch.epoch > reported:
            trial.report(score, epoch.epoch)
        trial.set_user_attr("ended", time.time())
        if max(reported, tune.min_epochs) <= epoch.epoch < tune.epochs and trial.should_prune():
            raise Pruned(f"stopped after epoch {epoch.epoch}")

    state, accuracy = TrialState.FAIL, None
    try:
        values = suggest(trial, tune.space)
        attempt = Attempt(
            number=trial.number,
            first=_first_number(trial),
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
    except stopping.Stopped as stopped:
        _queue_again(study, trial, stopped.signal.name)
        where = f"in trial {trial.number}, {stopped.done}" if stopped.done else f"in trial {trial.number}"
        raise stopping.Stopped(stopped.signal, f"{where} ({progress_text(study)})") from None
    except Exception as error:
        if explain(error, [folder], again=""):  # a full disk, for one: nothing is wrong with the trial
            _queue_again(study, trial, f"{type(error).__name__}: {error}")
            raise
        reason = failure_reason(error)
        trial.set_user_attr("reason", reason or f"{type(error).__name__}: {error}")
        if reason is None:
            study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
            raise
        log.warning("trial %s failed: %s", trial.number, reason)
    trial.set_user_attr("ended", time.time())
    study.tell(trial, accuracy, state=state, skip_if_finished=True)


def _first_number(trial: optuna.Trial) -> int:
    """Return the number of the trial that this one continues, else its own."""
    return int(trial.user_attrs.get("first", trial.number))


def _queue_again(study: optuna.Study, trial: optuna.Trial, what: str) -> None:
    """End a trial that `what` stopped, and queue it with its epochs for the next run."""
    trial.set_user_attr("ended", time.time())
    trial.set_user_attr("stopped", what)
    study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
    requeue(study, study.get_trials(deepcopy=False)[trial.number])
