"""The door to Optuna: a study over params.yaml's space, on training and validation images only.

Any number of workers search one study at a time, in this process or in others, here or on other machines:
they meet in its storage. Each calls `work`, and there is no more to it.
"""

import logging
from collections.abc import Mapping
from typing import Any

import optuna

from darkroom.config import Params
from darkroom.config.search_space import Leaf, Space, space_name, walk_space
from darkroom.config.trees import flatten
from darkroom.tuning.objective import StudyError
from darkroom.tuning.requeueing import requeue_lost
from darkroom.tuning.sampling import pruner, sampler
from darkroom.tuning.storage import open_storage

log = logging.getLogger(__name__)


def open_study(
    storage: str, name: str, *, params: Params, about: Mapping[str, Any] | None = None
) -> optuna.Study:
    """Open the study `name` at the storage's URL, or begin it with what it is `about`; set its budget.

    A new one tries the values of `params` first, and second the best of the newest study before that is
    about the same `data_name`. A value outside of the space is left to the sampler. Raises StudyError when
    the storage cannot be reached.
    """
    rdb = open_storage(storage, dead_after=params.tune.dead_after)
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
    requeue_lost(study)
    return _equip(study, params)


def join_study(storage: str, name: str, *, params: Params, about: Mapping[str, Any]) -> optuna.Study:
    """Open the study `name` that another process began.

    Raises StudyError where there is none, with what differs from the newest one about the same data.
    """
    rdb = open_storage(storage, dead_after=params.tune.dead_after)
    try:
        study = optuna.load_study(storage=rdb, study_name=name)
    except KeyError as error:
        raise StudyError(_no_study(rdb, name, about)) from error
    return _equip(study, params)


def _equip(study: optuna.Study, params: Params) -> optuna.Study:
    study.sampler = sampler(params)
    study.pruner = pruner(params.tune)
    return study


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
