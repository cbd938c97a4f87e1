"""The parameters: what is refused, and how clearly."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from darkroom.config import ParamsError, load_params, override, parse_params
from darkroom.config.search_space import Choices, walk_space
from darkroom.config.trees import flatten, merge
from tests.helpers.training import PARAMS

TREE: dict[str, Any] = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))


def tree_of(name: str, value: Any) -> dict[str, Any]:
    """Return `a.b.c` and a value as a nested tree."""
    for key in reversed(name.split(".")):
        value = {key: value}
    return dict(value)


def refusal(changes: dict[str, Any]) -> str:
    with pytest.raises(ParamsError) as caught:
        parse_params(merge(TREE, changes))
    return str(caught.value)


def test_the_real_file_comes_out_as_it_is_written() -> None:
    params = flatten(load_params(PARAMS).model_dump(mode="json"))
    written = flatten(TREE)
    assert {name: params[name] for name in written} == written
    extra = {name for name in params.keys() - written.keys() if not name.endswith(".log")}
    assert not extra, "params.yaml is to hold every knob"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("train.epoch", "train.epoch is unknown: did you mean epochs?"),
        ("trian", "trian is unknown: did you mean train?"),
        ("model.width", "model.width is unknown: did you mean widths?"),
        (
            "export.qqq",
            "export.qqq is unknown: known here: tolerance, precision, bf16_same_class, bf16_difference",
        ),
        (
            "tune.space.train.learning_rat",
            "tune.space.train.learning_rat is unknown: did you mean learning_rate?",
        ),
        ("tune.space.modle", "tune.space.modle is unknown: did you mean model?"),
    ],
)
def test_unknown_keys_are_refused_with_a_hint(name: str, hint: str) -> None:
    value = {"low": 1, "high": 2} if name.count(".") == 3 else {"dropout": {"low": 0.0, "high": 0.1}}
    assert hint in refusal(tree_of(name, value if "space" in name else 1))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("data.name", "mnist"),
        ("data.validation_fraction", 1.0),
        ("model.architecture", "fats"),
        ("model.views", 3),
        ("model.dropout", 0.95),
        ("augment.flip", "perhaps"),
        ("augment.translate", -1),
        ("train.epochs", 0),
        ("train.learning_rate", "quick"),
        ("train.optimizer", "lion"),
        ("train.average", "polyak"),
        ("train.compile", "sometimes"),
        ("train.processes", 0),
        ("model.convolutions", 4),
        ("train.warmup", 1.0),
        ("seed", None),
    ],
)
def test_wrong_values_are_named_with_the_value_seen(name: str, value: Any) -> None:
    assert f"{name} is {value!r}: " in refusal(tree_of(name, value))


def test_every_error_is_named_at_once() -> None:
    message = refusal({"train": {"epochs": 0, "epohcs": 3}, "model": {"views": 4}})
    assert "train.epochs is 0" in message
    assert "did you mean epochs?" in message
    assert "model.views is 4" in message


def test_a_missing_key_is_named() -> None:
    tree = merge(TREE, {})
    tree["train"] = {key: value for key, value in TREE["train"].items() if key != "patience"}
    with pytest.raises(ParamsError, match=r"train\.patience is missing"):
        parse_params(tree)


@pytest.mark.parametrize(
    ("leaf", "complaint"),
    [
        ({"low": 0.3, "high": 0.1}, "low (0.3) is above high (0.1)"),
        ({"low": 0.0, "high": 0.1, "log": True}, "a log range starts above 0, not at 0.0"),
        ({"low": 0.0, "hihg": 0.1}, "did you mean high?"),
        ({"choices": []}, "choices"),
    ],
)
def test_a_bad_space_is_refused_with_what_is_wrong_and_nothing_else(
    leaf: dict[str, Any], complaint: str
) -> None:
    tree = merge(TREE, {"tune": {"space": {}}})
    tree["tune"]["space"] = {"model": {"dropout": leaf}}
    with pytest.raises(ParamsError) as caught:
        parse_params(tree)
    message = str(caught.value)
    assert "tune.space.model.dropout" in message
    assert complaint in message
    right = [key for key in leaf if key in ("low", "high", "log", "choices")]
    for key in right:
        assert f"{key} is unknown" not in message, "a key that is right is not called unknown"


@pytest.mark.parametrize(
    ("leaf", "value"), [({"low": 0.0, "high": 1.5}, "1.5"), ({"choices": [0.1, "half"]}, "'half'")]
)
def test_a_space_that_leads_to_impossible_values_is_refused(leaf: dict[str, Any], value: str) -> None:
    tree = merge(TREE, {"tune": {"space": {}}})
    tree["tune"]["space"] = {"model": {"dropout": leaf}}
    with pytest.raises(ParamsError, match=rf"tune\.space\.model\.dropout has {value}: "):
        parse_params(tree)


FAST = {"model.architecture": "fast"}
BOTH = {"choices": ["fast", "classic"]}


@pytest.mark.parametrize(
    ("space", "complaint"),
    [
        ({"train": {"batch_size": {"choices": ["32"]}}}, "tune.space.train.batch_size has '32': "),
        ({"train": {"batch_size": {"choices": [32, 32]}}}, "32 is among the choices twice"),
        ({"train": {"batch_size": {"low": 32.0, "high": 64.0}}}, "tune.space.train.batch_size has 32.0: "),
        ({"model": {"views": {"low": 1, "high": 6}}}, "tune.space.model.views has 3: "),
        ({"train": {"batch_size": []}}, "tune.space.train.batch_size is []: "),
        (
            {"train": {"batch_size": [{"low": 1, "hihg": 2}]}},
            "batch_size.0.hihg is unknown: did you mean high?",
        ),
        (
            {"train": {"optimizer": {"choices": ["sgd", "adam"], "when": FAST}}},
            "tune.space.train.optimizer has a condition on model.architecture, which is not in tune.space",
        ),
        (
            {
                "model": {
                    "architecture": BOTH,
                    "hidden": {"low": 8, "high": 9, "when": {"model.architecture": "c"}},
                }
            },
            "condition model.architecture='c', which model.architecture never is in tune.space",
        ),
        (
            {
                "model": {
                    "hidden": {"low": 8, "high": 9, "when": {"model.dropout": 0.1}},
                    "dropout": {"choices": [0.1, 0.2], "when": {"model.hidden": 8}},
                }
            },
            "the conditions of model.hidden, model.dropout in tune.space go round in a circle",
        ),
        (
            {"model": {"architecture": BOTH}},
            "tune.space can draw model.architecture=classic: train.optimizer is muon",
        ),
        (
            {"model": {"architecture": BOTH}, "train": {"optimizer": {"choices": ["muon", "sgd"]}}},
            "tune.space can draw model.architecture=classic, train.optimizer=muon",
        ),
        ({"augment": {"flip": {"choices": ["none", "random"]}}}, "tune.space can draw augment.flip=none: "),
        ({"train": {"epochs": {"low": 2, "high": 4}}}, "tune.space.train.epochs cannot be searched"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused(space: dict[str, Any], complaint: str) -> None:
    tree = merge(TREE, {})
    tree["tune"] = TREE["tune"] | {"space": space}
    with pytest.raises(ParamsError) as refused:
        parse_params(tree)
    assert complaint in str(refused.value)


def test_conditions_make_a_space_of_several_architectures_possible() -> None:
    classic = {"model.architecture": "classic"}
    tree = merge(TREE, {})
    tree["tune"] = TREE["tune"] | {
        "space": {
            "model": {"architecture": BOTH, "hidden": {"low": 64, "high": 512, "when": classic}},
            "train": {
                "optimizer": [{"choices": ["muon", "sgd"], "when": FAST}, {"choices": ["sgd", "adam"]}],
                "learning_rate": [
                    {"low": 0.06, "high": 0.24, "when": {"train.optimizer": ["muon", "sgd"]}},
                    {"low": 1e-4, "high": 1e-2, "log": True},
                ],
            },
        }
    }
    params = parse_params(tree)
    assert override(params, {}) == params, "and comes out of a dump the same"
    drawn = []
    for first in (0, -1):  # of the choices
        values = walk_space(
            params.tune.space,
            lambda name, label, leaf, first=first: (
                leaf.choices[first]  # type: ignore[misc]
                if isinstance(leaf, Choices)
                else (label, leaf.low)
            ),
        )
        drawn.append(values)
    assert drawn[0] == {
        "model.architecture": "fast",
        "train.optimizer": "muon",
        "train.learning_rate": ("train.learning_rate (train.optimizer=muon|sgd)", 0.06),
    }
    assert drawn[1] == {
        "model.architecture": "classic",
        "model.hidden": ("model.hidden", 64),
        "train.optimizer": "adam",
        "train.learning_rate": ("train.learning_rate (else)", 1e-4),
    }


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"min_epochs": 9}, "min_epochs (9) is above epochs"),
        ({"reduction_factor": 1}, "tune.reduction_factor is 1: "),
        ({"pruner": "halving"}, "tune.pruner is 'halving': "),
        ({"workers": 0}, "tune.workers is 0: "),
        ({"minutes": -1}, "tune.minutes is -1: "),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(changes: dict[str, Any], complaint: str) -> None:
    assert complaint in refusal({"tune": changes})


def test_classic_does_not_train_with_muon() -> None:
    message = refusal({"model": {"architecture": "classic"}})
    assert "muon" in message
    assert "train.optimizer=adam" in message
    adam = {"optimizer": "adam", "learning_rate": 0.001}
    parse_params(merge(TREE, {"model": {"architecture": "classic"}, "train": adam}))


def test_tuned_values_lie_over_the_file() -> None:
    tuned = {"train": {"learning_rate": 0.2}, "model": {"dropout": 0.25}}
    params = load_params(PARAMS, tuned)
    assert params.train.learning_rate == 0.2
    assert params.model.dropout == 0.25
    assert params.train.epochs == TREE["train"]["epochs"]
    with pytest.raises(ParamsError, match=r"model\.dropout is 2"):
        load_params(PARAMS, {"model": {"dropout": 2}})


def test_override_makes_another_and_checks_it() -> None:
    params = load_params(PARAMS)
    other = override(params, {"train": {"epochs": 77}})
    assert other.train.epochs == 77
    assert params.train.epochs == TREE["train"]["epochs"]
    assert override(params, {}) == params
    with pytest.raises(ParamsError, match="epochs"):
        override(params, {"train": {"epochs": -1}})


def test_parameters_are_frozen() -> None:
    params = load_params(PARAMS)
    with pytest.raises(ValidationError, match="frozen"):
        params.train.epochs = 1
    with pytest.raises(ValidationError, match="frozen"):
        params.seed = 1


@pytest.mark.parametrize(
    ("text", "complaint"), [("- a\n- b\n", "list"), ("a: [", "not YAML"), ("", "NoneType")]
)
def test_a_file_of_another_kind_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(ParamsError, match=complaint) as caught:
        load_params(path)
    assert str(path) in str(caught.value)


def test_merge_and_flatten() -> None:
    base = {"a": {"b": 1, "c": 2}, "d": 3}
    assert merge(base, {"a": {"b": 5}, "e": 6}) == {"a": {"b": 5, "c": 2}, "d": 3, "e": 6}
    assert base == {"a": {"b": 1, "c": 2}, "d": 3}
    assert flatten(base) == {"a.b": 1, "a.c": 2, "d": 3}


def test_views_that_mirror_need_training_that_does() -> None:
    assert "set model.views=1" in refusal({"augment": {"flip": "none"}})
    parse_params(merge(TREE, {"augment": {"flip": "none"}, "model": {"views": 1}}))
