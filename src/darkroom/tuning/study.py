"""The door to Optuna: a study over params.yaml's space, on training and validation pictures only.

Any number of workers search one study at a time, in this process or in others, here or on other machines:
they meet in its storage. Each calls `work`, and there is no more to it.
"""

import fcntl
import logging
import re
import threading
import time
import uuid
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import pandas as pd
import sqlalchemy
import torch
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from darkroom.config.loading import override
from darkroom.config.messages import ParamsError
from darkroom.config.params import Params
from darkroom.config.search_space import Choices, Leaf, Range, Space, space_name, walk_space
from darkroom.config.trees import flatten
from darkroom.config.tune import Tune
from darkroom.training.loop import Epoch, TrainingError

if TYPE_CHECKING:
    from darkroom.reporting.study_figures import StudyView

log = logging.getLogger(__name__)

LOOK = 1.0  # seconds between two looks at a study in which all trials are taken
DEATHS = 3  # of workers in the same epoch of a trial, after which it is not tried again
LOCK_SECONDS = 60  # that a sqlite file may be locked by others
FEWEST_FOR_IMPORTANCES = 8  # complete trials; PED-ANOVA compares the best tenth with the rest


class StudyError(ValueError):
    """The study cannot be searched, or found nothing; the message says why and what to do."""


Pruned = optuna.TrialPruned
"""Raised where a trial is stopped early."""


@dataclass(frozen=True)
class Attempt:
    """A trial as its objective sees it."""

    number: int
    first: int  # of the trial it goes on with, where that one's worker died; else its own
    values: Mapping[str, Any]  # that are tried, by dotted name
    notes: Mapping[str, Any]  # what was noted before, also by the trial it goes on with
    note: Callable[[str, Any], None]  # keeps a JSON-ready value with the trial
    report: Callable[[Epoch], None]  # after each epoch; raises Pruned where the trial is to stop


Objective = Callable[[Params, Attempt], float]
"""Trains with the params given, reports each epoch, returns the validation accuracy."""


def open_study(
    storage: str, name: str, *, params: Params, about: Mapping[str, Any] | None = None
) -> optuna.Study:
    """Open the study `name` at the storage's URL, or begin it with what it is `about`; set its budget.

    A new one tries the values of `params` first, and second the best of the newest study before that is
    about the same `data_name`. A value outside of the space is left to the sampler. Raises StudyError when
    the storage cannot be reached.
    """
    rdb = _open_storage(storage, dead_after=params.tune.dead_after)
    study = optuna.create_study(storage=rdb, study_name=name, direction="maximize", load_if_exists=True)
    study.set_user_attr("budget", {"trials": params.tune.trials, "seconds": 60 * params.tune.minutes})
    if "about" not in study.user_attrs:
        study.set_user_attr("about", dict(about or {}))
    if "queued" not in study.user_attrs:
        defaults = flatten(params.model_dump())
        _queue(study, params.tune.space, defaults, "params.yaml")
        earlier = _earlier_best(rdb, (about or {}).get("data_name"), but=name)
        if earlier is not None:
            _queue(study, params.tune.space, defaults | earlier, "the best before")
        study.set_user_attr("queued", value=True)
    _requeue_lost(study)
    return _equip(study, params)


def join_study(storage: str, name: str, *, params: Params, about: Mapping[str, Any]) -> optuna.Study:
    """Open the study `name` that another process began.

    Raises StudyError where there is none, with what differs from the newest one about the same data.
    """
    rdb = _open_storage(storage, dead_after=params.tune.dead_after)
    try:
        study = optuna.load_study(storage=rdb, study_name=name)
    except KeyError as error:
        raise StudyError(_no_study(rdb, name, about)) from error
    return _equip(study, params)


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
    with _alive(folder / "workers") as worker:
        while not is_over(study):
            release_dead(study, folder, dead_after=params.tune.dead_after)
            trial = _next_trial(study, worker)
            if trial is None:
                time.sleep(LOOK)
                continue
            try:
                with _heartbeat(study, trial):
                    _run(study, trial, params, objective)
            except UpdateFinishedTrialError:
                log.warning(
                    "trial %s was taken over by another worker: this one gave no sign of life for "
                    "%s seconds (tune.dead_after)",
                    trial.number,
                    params.tune.dead_after,
                )
            on_trial(trial.user_attrs.get("first", trial.number))


def is_over(study: optuna.Study) -> bool:
    """Say whether no more trials will begin and none is under way that counts."""
    trials, total = study.get_trials(deepcopy=False), study.user_attrs["budget"]["trials"]
    if _count(trials, TrialState.COMPLETE, TrialState.PRUNED) >= total or _failures(trials) >= total:
        return True
    if _time_left(study, trials):
        return False
    return not any(
        trial.state == TrialState.RUNNING or (trial.state == TrialState.WAITING and _goes_on(trial))
        for trial in trials
    )


def check_result(study: optuna.Study) -> None:
    """Raise StudyError, with the reasons, when not one trial of the study came to its end."""
    trials = study.get_trials(deepcopy=False)
    if _count(trials, TrialState.COMPLETE):
        return
    reasons = Counter(_reason(trial) for trial in trials if _state(trial, trials) == "failed")
    told = "".join(f"\n  {count} × {reason}" for reason, count in reasons.most_common(3))
    raise StudyError(
        f"none of {finished_trials(study) + _failures(trials)} trials came to its end: narrow tune.space to "
        f"what trains, or give it more tune.trials or tune.minutes{told}"
    )


def finished_trials(study: optuna.Study) -> int:
    """Count the trials that ran to their end or were pruned."""
    return _count(study.get_trials(deepcopy=False), TrialState.COMPLETE, TrialState.PRUNED)


def searched_seconds(study: optuna.Study) -> float:
    """Return for how many seconds at least one trial was under way, over all workers and runs."""
    return _searched(study.get_trials(deepcopy=False))


def failure(error: BaseException) -> str | None:
    """Return the reason when a trial failed by what it tried, and not by a mistake in the code."""
    memory = r"not enough memory|out of memory|can.t allocate memory|cannot allocate memory"
    if isinstance(error, TrainingError | ParamsError):
        return str(error)
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and re.search(memory, str(error), re.IGNORECASE)
    ):
        return f"out of memory: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
    return None


def best_values(study: optuna.Study) -> dict[str, dict[str, Any]]:
    """Return the best trial's values as a tree of the params, which training lays over the defaults."""
    return nested({space_name(label): value for label, value in study.best_params.items()})


def trials_table(study: optuna.Study) -> pd.DataFrame:
    """Return a row a trial that ended.

    Its number, state (complete, pruned, failed, killed), validation accuracy, epochs, the training pictures
    it saw, seconds, the reason it ended before its time, and the values tried. A killed one's epochs are
    those of the trial that goes on with it too.
    """
    trials = study.get_trials(deepcopy=False)
    columns = ["trial", "state", "validation_accuracy", "epochs", "pictures", "seconds", "reason"]
    rows = [_row(trial, trials) for trial in trials if _state(trial, trials) not in (None, "running")]
    names = dict.fromkeys(name for row in rows for name in row if name not in columns)
    return pd.DataFrame(rows, columns=[*columns, *names])


def study_view(study: optuna.Study) -> "StudyView":
    """Return what the figures of a study show, as plain tables."""
    from darkroom.reporting.study_figures import StudyView  # with matplotlib, which workers do without

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


def release_dead(study: optuna.Study, folder: Path, *, dead_after: float) -> None:
    """Queue the trials again whose workers have died.

    Of this folder's workers the locks tell; of others the heartbeat, after `dead_after` seconds without.
    """
    optuna.storages.fail_stale_trials(study)  # its callback queues them again
    dead = {path.name for path in (folder / "workers").glob("*") if _died(path)}
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        worker = trial.user_attrs.get("worker")
        if worker in dead or (worker is None and _is_lost(study, trial, dead_after)):
            with suppress(ValueError, UpdateFinishedTrialError):  # another worker was first
                study.tell(trial.number, state=TrialState.FAIL)
                _requeue(study, trial)


_nameless: dict[tuple[str, int], float] = {}  # when a running trial without a worker was seen first


def _is_lost(study: optuna.Study, trial: FrozenTrial, dead_after: float) -> bool:
    """Say whether the worker of a trial without a name was killed before it could write its own."""
    if _sqlite_file(study) is not None:
        with _turn(study):  # who lives has written its name before it ends its turn
            return "worker" not in study.get_trials(deepcopy=False)[trial.number].user_attrs
    now = time.time()
    return now - _nameless.setdefault((study.study_name, trial.number), now) > dead_after


@contextmanager
def _turn(study: optuna.Study) -> Iterator[None]:
    """Begin trials one worker after the other, where all are on one machine."""
    database = _sqlite_file(study)
    if database is None:
        yield
        return
    with open(f"{database}.turn", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _open_storage(url: str, *, dead_after: int) -> optuna.storages.RDBStorage:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for warning in (
        {"category": ExperimentalWarning},
        {"message": "Heartbeat of storage is supposed to be used"},
    ):
        warnings.filterwarnings("ignore", **warning)
    sqlite = url.startswith("sqlite")
    if sqlite:
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = (
        {"connect_args": {"timeout": LOCK_SECONDS}} if sqlite else {"pool_pre_ping": True}
    )
    try:
        storage = optuna.storages.RDBStorage(
            url,
            engine_kwargs=options,
            heartbeat_interval=max(1, dead_after // 4),
            grace_period=dead_after,
            heartbeat_stale_trial_callback=_requeue,
        )
    except ImportError as error:
        raise StudyError(f"{error}: `make install-postgres` installs what PostgreSQL needs") from error
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        words = str(error.__cause__ or error).splitlines()[0]
        shown = sqlalchemy.engine.make_url(url).render_as_string(hide_password=True)
        raise StudyError(f"the study's storage {shown} cannot be opened: {words}") from error
    if sqlite:
        sqlalchemy.event.listen(storage.engine, "connect", _set_journal)
        sqlalchemy.event.listen(storage.engine, "begin", _begin)
        storage.engine.dispose()  # connections that were made before

    return storage


def _set_journal(connection: Any, record: Any) -> None:
    # a commit need not wait for the disk; what was committed outlives any kill, if not a power cut
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _begin(connection: sqlalchemy.Connection) -> None:
    # else two workers could both find a trial waiting, and both begin it
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _equip(study: optuna.Study, params: Params) -> optuna.Study:
    study.sampler = _SamplerByNumber(params)
    study.pruner = _pruner(params.tune)
    return study


def _pruner(tune: Tune) -> optuna.pruners.BasePruner:
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


def _queue(study: optuna.Study, space: Space, values: Mapping[str, Any], whose: str) -> None:
    """Have the sampler's next free trial take `values` where they lie in the space."""
    fixed: dict[str, Any] = {}

    def choose(name: str, label: str, leaf: Leaf) -> Any:
        value = values.get(name)
        if not leaf.holds_value(value):
            log.warning("%s=%s of %s is outside of tune.space: its trial takes another", name, value, whose)
            return None
        fixed[label] = value
        return value

    walk_space(space, choose)
    study.enqueue_trial(fixed, skip_if_exists=True)


def _earlier_best(
    storage: optuna.storages.RDBStorage, data_name: str | None, *, but: str
) -> dict[str, Any] | None:
    """Return the best values, by dotted name, of the newest other study about the same data."""
    if data_name is None:
        return None
    studies = [
        study
        for study in optuna.get_all_study_summaries(storage=storage)
        if study.study_name != but
        and study.user_attrs.get("about", {}).get("data_name") == data_name
        and study.best_trial is not None
    ]
    if not studies:
        return None
    newest = max(studies, key=lambda study: study.datetime_start.timestamp() if study.datetime_start else 0.0)
    assert newest.best_trial is not None
    return {space_name(label): value for label, value in newest.best_trial.params.items()}


def _no_study(storage: optuna.storages.RDBStorage, name: str, about: Mapping[str, Any]) -> str:
    """Say that there is no such study here, and what differs from the newest one about the same data."""
    begin = f"there is no study {name} yet: begin it with `dvc repro tune` (or `python -m pipeline.tune`)"
    others = [
        study
        for study in optuna.get_all_study_summaries(storage=storage, include_best_trial=False)
        if study.user_attrs.get("about", {}).get("data_name") == about.get("data_name")
    ]
    if not others:
        return begin
    newest = max(others, key=lambda study: study._study_id)
    theirs, ours = flatten(newest.user_attrs["about"]), flatten(about)
    differing = [
        f"{key} is {ours.get(key, 'missing')} here and {theirs.get(key, 'missing')} there"
        for key in sorted(theirs.keys() | ours.keys())
        if theirs.get(key) != ours.get(key)
    ]
    shown = "".join(f"\n  {line}" for line in differing[:10])
    return f"{begin}; {newest.study_name} rests on something else than this checkout:{shown}"


def _next_trial(study: optuna.Study, worker: str) -> optuna.Trial | None:
    """Begin a trial; None where the study needs no more than those that are under way."""
    total = study.user_attrs["budget"]["trials"]
    trials = study.get_trials(deepcopy=False)
    in_time = _time_left(study, trials)
    waiting = [trial for trial in trials if trial.state == TrialState.WAITING]
    if not (in_time and sum(map(_counts, trials)) < total) and not (
        waiting and (in_time or any(map(_goes_on, waiting)))
    ):
        return None
    with _turn(study):
        trial = study.ask()
        _record_heartbeat(study, trial)
        trial.set_user_attr("worker", worker)
    # each worker may have thought that it begins the last one: those before it by number are
    before = sum(_counts(other) for other in study.get_trials(deepcopy=False)[: trial.number])
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
        assert epoch.validation_accuracy is not None, "trials have validation pictures"
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


def suggest(trial: optuna.Trial, space: Space) -> dict[str, Any]:
    """Return the trial's values by dotted name; only leaves whose condition holds have one."""

    def choose(name: str, label: str, leaf: Leaf) -> Any:
        if isinstance(leaf, Choices):
            return trial.suggest_categorical(label, leaf.choices)
        if isinstance(leaf.low, int) and isinstance(leaf.high, int):
            return trial.suggest_int(label, leaf.low, leaf.high, log=leaf.log)
        return trial.suggest_float(label, leaf.low, leaf.high, log=leaf.log)

    return walk_space(space, choose)


def _requeue(study: optuna.Study, trial: FrozenTrial) -> None:
    """Queue a trial again whose worker died, with the epochs it reported.

    Not where workers die in the same epoch of it again and again: it may be the trial that kills them.
    """
    if _deaths(trial) >= DEATHS:
        log.warning("trial %s is given up: %s", trial.number, _died_in_epoch(trial))
        return
    mine = {"worker", "began", "ended"}
    study.add_trial(
        optuna.trial.create_trial(
            state=TrialState.WAITING,
            params=trial.params,
            distributions=trial.distributions,
            user_attrs={key: value for key, value in trial.user_attrs.items() if key not in mine}
            | {
                "first": trial.user_attrs.get("first", trial.number),
                "after": trial.number,
                "deaths": _deaths(trial),
                "epochs_before": len(trial.intermediate_values),
            },
            system_attrs=trial.system_attrs,  # the pruner's rungs, and values that were fixed
            intermediate_values=trial.intermediate_values,
        )
    )


def _requeue_lost(study: optuna.Study) -> None:
    """Queue those again whose worker was found dead by one that died itself before it could do so."""
    trials = study.get_trials(deepcopy=False)
    for trial in trials:
        if _state(trial, trials) == "killed" and not _followed(trial, trials):
            _requeue(study, trial)


def _deaths(trial: FrozenTrial) -> int:
    """Count the workers that died in the trial's last epoch, this one's among them."""
    if len(trial.intermediate_values) > trial.user_attrs.get("epochs_before", 0):
        return 1
    return int(trial.user_attrs.get("deaths", 0)) + 1


def _goes_on(trial: FrozenTrial) -> bool:
    return "first" in trial.user_attrs


def _followed(trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> bool:
    return any(other.user_attrs.get("after") == trial.number for other in trials[trial.number :])


def _counts(trial: FrozenTrial) -> bool:
    """Say whether a trial is, or may become, one of the study's total."""
    return trial.state != TrialState.FAIL


def _count(trials: Sequence[FrozenTrial], *states: TrialState) -> int:
    return sum(trial.state in states for trial in trials)


def _failures(trials: Sequence[FrozenTrial]) -> int:
    return sum(_state(trial, trials) == "failed" for trial in trials)


def _state(trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> str | None:
    """Return complete, pruned, running, failed or killed; None for one that never began."""
    if trial.state == TrialState.WAITING or "surplus" in trial.user_attrs:
        return None
    if trial.state == TrialState.FAIL:
        failed = "reason" in trial.user_attrs or _deaths(trial) >= DEATHS
        return "failed" if failed else "killed"
    return trial.state.name.lower()


def _reason(trial: FrozenTrial) -> str:
    if trial.state == TrialState.PRUNED:
        return f"stopped after epoch {trial.last_step}"
    if trial.state == TrialState.FAIL:
        died = _died_in_epoch(trial) if _deaths(trial) >= DEATHS else "its worker died"
        return str(trial.user_attrs.get("reason", died))
    return ""


def _died_in_epoch(trial: FrozenTrial) -> str:
    return f"{DEATHS} workers died in epoch {len(trial.intermediate_values) + 1}"


def _row(trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> dict[str, Any]:
    last = trial.intermediate_values.get(trial.last_step) if trial.last_step is not None else None
    epochs = len(trial.intermediate_values)
    began, ended = trial.user_attrs.get("began"), trial.user_attrs.get("ended")
    return {
        "trial": trial.number,
        "state": _state(trial, trials),
        "validation_accuracy": trial.value if trial.value is not None else last,
        "epochs": epochs,
        "pictures": epochs * int(trial.user_attrs.get("pictures", 0)),
        "seconds": round(ended - began, 1) if began and ended else None,
        "reason": _reason(trial),
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


def _time_left(study: optuna.Study, trials: Sequence[FrozenTrial]) -> bool:
    seconds = study.user_attrs["budget"]["seconds"]
    return not seconds or _searched(trials) < seconds


def _searched(trials: Sequence[FrozenTrial]) -> float:
    spans = sorted(
        (began, time.time() if trial.state == TrialState.RUNNING else trial.user_attrs.get("ended", began))
        for trial in trials
        if (began := trial.user_attrs.get("began"))
    )
    seconds, until = 0.0, 0.0
    for began, ended in spans:  # where they overlap they count once
        seconds += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return seconds


@contextmanager
def _alive(workers: Path) -> Iterator[str]:
    """Hold a lock for the block and yield its name; the system lets it go when the process dies."""
    workers.mkdir(parents=True, exist_ok=True)
    name = uuid.uuid4().hex
    with open(workers / name, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield name


def _died(lock: Path) -> bool:
    try:
        with open(lock) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return True
    return True


@contextmanager
def _heartbeat(study: optuna.Study, trial: optuna.Trial) -> Iterator[None]:
    """Give signs of life for a trial while the block runs."""
    storage = study._storage
    assert isinstance(storage, optuna.storages._heartbeat.BaseHeartbeat)
    interval, stop = storage.get_heartbeat_interval(), threading.Event()

    def beat() -> None:
        while not stop.wait(interval):
            try:
                _record_heartbeat(study, trial)
            except optuna.exceptions.StorageInternalError as error:
                log.warning("no sign of life could be given for trial %s: %s", trial.number, error)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _record_heartbeat(study: optuna.Study, trial: optuna.Trial) -> None:
    storage = study._storage
    assert isinstance(storage, optuna.storages._heartbeat.BaseHeartbeat)
    storage.record_heartbeat(trial._trial_id)


def _sqlite_file(study: optuna.Study) -> str | None:
    backend: Any = getattr(study._storage, "_backend", study._storage)
    url = backend.engine.url
    return str(url.database) if url.get_backend_name() == "sqlite" else None


def nested(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return values by dotted name as a tree of the params."""
    tree: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        group, _, key = name.partition(".")
        tree.setdefault(group, {})[key] = value
    return tree
