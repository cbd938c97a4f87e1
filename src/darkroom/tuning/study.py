"""A study: one search over the space of params.yaml, opened by its owner and joined by other workers.

Any number of workers, in this process or others, on this machine or others, search one study at a time.
They meet in its storage: each opens or joins the study and calls `trial_loop.run_trials`.
"""

import logging
from collections.abc import Mapping
from typing import Any

import optuna

from darkroom.config import Params
from darkroom.config.search_space import Leaf, Space, space_name, walk_space
from darkroom.config.trees import flatten
from darkroom.tuning.budget import set_budget
from darkroom.tuning.errors import StudyError
from darkroom.tuning.pruners import PRUNERS
from darkroom.tuning.requeueing import requeue_lost
from darkroom.tuning.samplers import seeded_sampler
from darkroom.tuning.storage import open_storage

log = logging.getLogger(__name__)

SHOWN_DIFFERENCES = 10  # in the message about a study that belongs to another checkout


def open_study(
    storage: str, name: str, *, params: Params, about: Mapping[str, Any] | None = None
) -> optuna.Study:
    """Open the study `name` in the database at `storage`, or create it, and set its budget.

    A new study first tries the values of `params`, then the best values of the newest earlier study with
    the same `data_name` in `about`. A value outside of the space is left to the sampler. Raises StudyError
    if the storage cannot be reached.
    """
    rdb = open_storage(storage, dead_after=params.tune.dead_after)
    study = optuna.create_study(storage=rdb, study_name=name, direction="maximize", load_if_exists=True)
    set_budget(study, params.tune)
    if "about" not in study.user_attrs:
        study.set_user_attr("about", dict(about or {}))
    if "queued" not in study.user_attrs:
        defaults = flatten(params.model_dump())
        _queue(study, params.tune.space, defaults, "params.yaml")
        earlier = _earlier_best(rdb, (about or {}).get("data_name"), excluded=name)
        if earlier is not None:
            _queue(study, params.tune.space, defaults | earlier, "the best earlier trial")
        study.set_user_attr("queued", value=True)
    requeue_lost(study)
    return _equip(study, params)


def join_study(storage: str, name: str, *, params: Params, about: Mapping[str, Any]) -> optuna.Study:
    """Open the study `name` that another process created.

    Raises StudyError if it does not exist, with the differences from the newest study of the same data.
    """
    rdb = open_storage(storage, dead_after=params.tune.dead_after)
    try:
        study = optuna.load_study(storage=rdb, study_name=name)
    except KeyError as error:
        raise StudyError(_missing_study(rdb, name, about)) from error
    return _equip(study, params)


def _equip(study: optuna.Study, params: Params) -> optuna.Study:
    study.sampler = seeded_sampler(params)
    study.pruner = PRUNERS[params.tune.pruner](params.tune)
    return study


def _queue(study: optuna.Study, space: Space, values: Mapping[str, Any], source: str) -> None:
    """Let the next trial take `values` where they lie in the space."""
    fixed: dict[str, Any] = {}

    def choose(name: str, label: str, leaf: Leaf) -> Any:
        value = values.get(name)
        if not leaf.holds_value(value):
            log.warning("%s=%s of %s is outside of tune.space: the sampler draws it", name, value, source)
            return None
        fixed[label] = value
        return value

    walk_space(space, choose)
    study.enqueue_trial(fixed, skip_if_exists=True)


def _earlier_best(
    storage: optuna.storages.RDBStorage, data_name: str | None, *, excluded: str
) -> dict[str, Any] | None:
    """Return the best values, by dotted name, of the newest other study of the same data."""
    if data_name is None:
        return None
    studies = [
        study
        for study in optuna.get_all_study_summaries(storage=storage)
        if study.study_name != excluded
        and study.user_attrs.get("about", {}).get("data_name") == data_name
        and study.best_trial is not None
    ]
    if not studies:
        return None
    newest = max(studies, key=lambda study: study.datetime_start.timestamp() if study.datetime_start else 0.0)
    assert newest.best_trial is not None
    return {space_name(label): value for label, value in newest.best_trial.params.items()}


def _missing_study(storage: optuna.storages.RDBStorage, name: str, about: Mapping[str, Any]) -> str:
    """Return the message that the study does not exist, with what differs from the newest similar one."""
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
    shown = "".join(f"\n  {line}" for line in differing[:SHOWN_DIFFERENCES])
    return f"{begin}; {newest.study_name} rests on something else than this checkout:{shown}"
