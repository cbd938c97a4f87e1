"""The search space: what is refused, and the values that are drawn from it."""

from typing import Any

import pytest

from darkroom.config import ParamsError, override, parse_params
from darkroom.config.search_space import Choices, walk_space
from darkroom.config.trees import merge
from tests.config.test_params import TREE


@pytest.mark.parametrize(
    ("leaf", "complaint"),
    [
        ({"low": 0.3, "high": 0.1}, "low (0.3) is above high (0.1)"),
        ({"low": 0.0, "high": 0.1, "log": True}, "a log range starts above 0, not at 0.0"),
        ({"low": 0.0, "hihg": 0.1}, "did you mean high?"),
        ({"choices": []}, "choices"),
    ],
)
def test_a_malformed_leaf_is_refused_for_what_is_wrong_alone(leaf: dict[str, Any], complaint: str) -> None:
    tree = merge(TREE, {"tune": {"space": {}}})
    tree["tune"]["space"] = {"model": {"dropout": leaf}}
    with pytest.raises(ParamsError) as caught:
        parse_params(tree)
    message = str(caught.value)
    assert "tune.space.model.dropout" in message
    assert complaint in message
    known = [key for key in leaf if key in ("low", "high", "log", "choices")]
    for key in known:
        assert f"{key} is unknown" not in message, "a known key is not called unknown"


@pytest.mark.parametrize(
    ("leaf", "value"), [({"low": 0.0, "high": 1.5}, "1.5"), ({"choices": [0.1, "half"]}, "'half'")]
)
def test_a_space_of_impossible_values_is_refused(leaf: dict[str, Any], value: str) -> None:
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
            "the conditions of model.hidden, model.dropout in tune.space are circular",
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
        (
            {"train": {"best_by": {"choices": ["accuracy", "balanced_accuracy"]}}},
            "tune.space.train.best_by cannot be searched: trials are compared by it",
        ),
        (
            {
                "train": {
                    "sampling": {"choices": ["all", "balanced"]},
                    "logit_adjustment": {"low": 0.0, "high": 1.0},
                }
            },
            "train.logit_adjustment is 1.0 and train.sampling is balanced",
        ),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused(space: dict[str, Any], complaint: str) -> None:
    tree = merge(TREE, {})
    tree["tune"] = TREE["tune"] | {"space": space}
    with pytest.raises(ParamsError) as refused:
        parse_params(tree)
    assert complaint in str(refused.value)


def test_conditions_allow_a_space_of_several_architectures() -> None:
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
    assert override(params, {}) == params, "a dumped space is parsed to the same one"
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
