"""The parameters: what is refused, and how clear the message is."""

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from darkroom.config import Params, ParamsError, load_params, load_tuned, override, parse_params, read_yaml
from darkroom.config.base import Section
from darkroom.config.messages import shown
from darkroom.config.model import Model
from darkroom.config.trees import flatten, merge
from darkroom.data.splitting import split_indices
from darkroom.files import write_json
from darkroom.models.heads import HEADS
from darkroom.tuning.samplers import SAMPLERS
from tests.helpers.training import PARAMS

TREE: dict[str, Any] = read_yaml(PARAMS)


def tree_of(name: str, value: Any) -> dict[str, Any]:
    """Return `a.b.c` and a value as a nested tree."""
    for key in reversed(name.split(".")):
        value = {key: value}
    return dict(value)


def refusal(changes: dict[str, Any]) -> str:
    with pytest.raises(ParamsError) as caught:
        parse_params(merge(TREE, changes))
    return str(caught.value)


def test_params_yaml_is_read_as_it_is_written() -> None:
    params = flatten(load_params(PARAMS).model_dump(mode="json"))
    written = flatten(TREE)
    assert {name: params[name] for name in written} == written
    extra = {name for name in params.keys() - written.keys() if not name.endswith(".log")}
    assert not extra, "params.yaml must hold every parameter"


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
        ("data.folds", -1),
        ("data.folds", 21),
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


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("model.whitening", "no", "true or false, without quotes"),
        ("train.use_validation", "off", "true or false, without quotes"),
        ("model.whitening", 1, "true or false"),
        ("train.epochs", "12", "a number, without quotes"),
        ("seed", "007", "a number, without quotes"),
        ("train.epochs", True, "a number"),
        ("model.dropout", False, "a number"),
        ("model.widths", ["64", 128], "a number, without quotes"),
        ("train.learning_rate", "1e-4", "a number, without quotes"),
        ("tune.space.model.dropout.low", True, "a number"),
    ],
)
def test_no_value_is_turned_into_one_of_another_kind(name: str, value: Any, expected: str) -> None:
    changes = tree_of(name, value)
    if "space" in name:
        changes["tune"]["space"]["model"]["dropout"]["high"] = 0.5
    message = refusal(changes)
    assert f"{name} is {value!r}: Input should be {expected}" in message


def numbers() -> list[str]:
    """Return the names of all parameters that are numbers."""
    tree = flatten({name: value for name, value in TREE.items() if name != "tune"})
    tree |= flatten({"tune": {key: value for key, value in TREE["tune"].items() if key != "space"}})
    kinds = (int, float)
    return [name for name, value in tree.items() if isinstance(value, kinds) and not isinstance(value, bool)]


# What torch, NumPy, scikit-learn, Optuna or the memory would refuse, some of it after an hour.
@pytest.mark.parametrize("name", numbers())
@pytest.mark.parametrize(
    "value",
    [2**64, 10**5000, -(2**63), -1, 1e30, 1e308, float("nan"), float("inf"), float("-inf")],
    ids=shown,
)
def test_numbers_out_of_range_are_refused_here(name: str, value: float) -> None:
    assert f"{name} is {shown(value)}: " in refusal(tree_of(name, value))


@pytest.mark.parametrize("name", ["model.widths", "train.low_resolutions"])
@pytest.mark.parametrize("value", [0, -1, 2**64, 1.5, float("nan")])
def test_numbers_out_of_range_in_lists_are_refused(name: str, value: float) -> None:
    assert f"{name}.1 is {value!r}: " in refusal(tree_of(name, [8, value]))


@pytest.mark.parametrize(
    "leaf", [{"low": 1, "high": 2**64}, {"choices": [1, 10**5000]}, {"low": 1, "high": 1e308}]
)
def test_numbers_out_of_range_in_the_search_space_are_refused(leaf: dict[str, Any]) -> None:
    tree = merge(TREE, {})
    tree["tune"] = TREE["tune"] | {"space": {"train": {"batch_size": leaf}}}
    with pytest.raises(
        ParamsError, match=r"tune\.space\.train\.batch_size.* (bits|1e\+308|18446744073709551616)"
    ):
        parse_params(tree)


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_every_seed_that_is_accepted_can_be_used(seed: int) -> None:
    params = parse_params(merge(TREE, {"seed": seed}))
    labels = np.arange(40) % 2
    split_indices(labels, validation_fraction=0.5, seed=params.seed)
    torch.Generator().manual_seed(params.seed * 100_003 + 1_000_000)  # as an epoch does
    np.random.default_rng([params.seed, 1])
    SAMPLERS["tpe"](params.tune, params.seed)
    assert "seed is 4294967296: " in refusal({"seed": 2**32})


def test_a_refused_value_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    lines = PARAMS.read_text(encoding="utf-8").splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("  batch_size:"))
    lines[at] = "  batch_size: none"
    lines = [line for line in lines if not line.startswith("  top_k:")]
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ParamsError) as caught:
        load_params(path)
    assert f"line {at + 1}: train.batch_size is 'none': " in str(caught.value)
    section = lines.index("evaluate:") + 1
    assert f"line {section}: evaluate.top_k is missing" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "does not exist: "),
        ("", "cannot be read: Expecting value: line 1 column 1"),
        ('{"train": {"learning_rate": 0.1', "line 1 column 32"),
        ('{"train": {"learning_rate": 0.1, "learning_rate": 0.2}}', "the key 'learning_rate' is given twice"),
        ('{"train": {"learning_rate": NaN}}', "NaN is no number"),
        ("[]", "must hold keys with values"),
    ],
)
def test_a_damaged_file_of_tuned_values_is_refused(tmp_path: Path, text: str | None, complaint: str) -> None:
    path = tmp_path / "tuned.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ParamsError, match="dvc repro") as caught:
        load_tuned(path)
    assert complaint in str(caught.value)


def test_one_message_names_every_error() -> None:
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
    ("changes", "complaint"),
    [
        ({"min_epochs": 9}, "min_epochs (9) is above epochs"),
        ({"reduction_factor": 1}, "tune.reduction_factor is 1: "),
        ({"pruner": "halving"}, "tune.pruner is 'halving': "),
        ({"workers": 0}, "tune.workers is 0: "),
        ({"minutes": -1}, "tune.minutes is -1: "),
    ],
)
def test_an_impossible_search_is_refused(changes: dict[str, Any], complaint: str) -> None:
    assert complaint in refusal({"tune": changes})


def test_one_fold_is_refused_with_what_to_set() -> None:
    assert "data.folds is 1: one fold leaves no images to train on: set 0 (off), or 2 to 20" in refusal(
        tree_of("data.folds", 1)
    )


def test_classic_does_not_train_with_muon() -> None:
    message = refusal({"model": {"architecture": "classic"}})
    assert "muon" in message
    assert "train.optimizer=adam" in message
    adam = {"optimizer": "adam", "learning_rate": 0.001}
    parse_params(merge(TREE, {"model": {"architecture": "classic"}, "train": adam}))


def test_tuned_values_replace_those_of_the_file(tmp_path: Path) -> None:
    tuned = {"train": {"learning_rate": 0.2}, "model": {"dropout": 0.25}}
    path = tmp_path / "tuned.json"
    write_json(path, tuned)
    params = load_params(PARAMS, load_tuned(path))
    assert params.train.learning_rate == 0.2
    assert params.model.dropout == 0.25
    assert params.train.epochs == TREE["train"]["epochs"]
    with pytest.raises(ParamsError, match=r"with the tuned values:\n  model\.dropout is 2"):
        load_params(PARAMS, {"model": {"dropout": 2}})


def test_override_returns_other_parameters_and_checks_them() -> None:
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


@pytest.mark.parametrize(("text", "complaint"), [("- a\n- b\n", "list"), ("a: [", "not YAML"), ("", "empty")])
def test_a_file_that_holds_no_mapping_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(ParamsError, match=complaint) as caught:
        load_params(path)
    assert str(path) in str(caught.value)


def test_mirrored_views_require_mirrored_training_images() -> None:
    assert "set model.views=1" in refusal({"augment": {"flip": "none"}})
    parse_params(merge(TREE, {"augment": {"flip": "none"}, "model": {"views": 1}}))


SECTIONS = {name: field.annotation for name, field in Params.model_fields.items() if name != "seed"}


@pytest.mark.parametrize("name", SECTIONS)
def test_every_parameter_is_explained_beside_its_type(name: str) -> None:
    section = SECTIONS[name]
    assert isinstance(section, type)
    assert issubclass(section, Section)
    explained = section.__doc__ or ""
    assert [key for key in section.model_fields if f"\n        {key}: " not in explained] == []


BALANCING = {"class_weights": "effective", "logit_adjustment": 1.0, "sampling": "balanced"}


@pytest.mark.parametrize("off", [*BALANCING, None])
def test_rare_classes_are_made_up_for_in_one_way_only(off: str | None) -> None:
    several = {name: value for name, value in BALANCING.items() if name != off}
    message = refusal({"train": several})
    assert "do it twice" in message
    assert all(f"train.{name} is {value}" in message for name, value in several.items())
    for name, value in several.items():
        assert getattr(parse_params(merge(TREE, {"train": {name: value}})).train, name) == value


BACKBONE = {"model": {"backbone": "efficientnet_lite0", "views": 2}}


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("train.processes", 2, "train.processes is 2, which does not go with model.backbone"),
        ("model.views", 6, "whose images are mirrored at most: set model.views=2"),
    ],
)
def test_what_does_not_go_with_a_backbone_is_refused(name: str, value: Any, advice: str) -> None:
    parse_params(merge(TREE, tree_of(name, value)))
    parse_params(merge(TREE, BACKBONE))
    assert advice in refusal(merge(BACKBONE, tree_of(name, value)))


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"model": {"backbone": "none"}}, "which takes a backbone, but model.backbone is none"),
        (
            {
                "data": {"name": "mine", "source": "/photos", "labels": "several"},
                "train": {"loss": "binary_cross_entropy", "best_by": "average_precision"},
            },
            "which is not there for several labels yet: set model.ensemble=",
        ),
        ({"data": {"folds": 5}}, "a fold would get a linear layer alone: set data.folds=0"),
        ({"train": {"use_validation": True}}, "are weighed by the validation images, but train.use_valid"),
        ({"model": {"ensemble": [160, 160]}}, "a member is named twice"),
        ({"model": {"ensemble": [8]}}, "model.ensemble"),
        ({"model": {"ensemble": ["resnet"]}}, "model.ensemble"),
    ],
)
def test_what_does_not_go_with_an_ensemble_is_refused(changes: dict[str, Any], advice: str) -> None:
    ensemble = merge(BACKBONE, {"model": {"ensemble": [160, "scratch"]}})
    assert parse_params(merge(TREE, ensemble)).model.ensemble == (160, "scratch")
    assert advice in refusal(merge(ensemble, changes))


def test_an_ensemble_has_no_plan_of_minutes() -> None:
    tuned = {
        "model": {"tune_backbone": "last", "ensemble": [160]},
        "train": {"optimizer": "adam", "learning_rate": 0.001, "minutes": 3},
    }
    assert "for whose members there is no plan, but train.minutes is 3" in refusal(merge(BACKBONE, tuned))


def test_with_a_backbone_the_architecture_does_not_matter() -> None:
    parse_params(
        merge(TREE, {"model": {**BACKBONE["model"], "architecture": "classic"}, "tune": {"space": {}}})
    )


def test_an_unknown_backbone_is_refused_with_those_that_are_known() -> None:
    message = refusal({"model": {"backbone": "resnet50", "views": 2}})
    assert "model.backbone is 'resnet50': Input should be 'none' or 'efficientnet_lite0'" in message


@pytest.mark.parametrize("key", ["backbone", "weights"])
def test_backbones_are_not_searched(key: str) -> None:
    space = {"tune": {"space": {"model": {key: {"choices": ["none"]}}}}}
    assert f"tune.space.model.{key} cannot be searched: with a backbone" in refusal(space)


SEVERAL = {"labels": "several", "name": "photos", "source": "photos"}


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({}, "a head of several labels, but data.labels is one: set model.head=linear"),
        (
            {"data": SEVERAL, "model": {"backbone": "none"}},
            "which is put on a backbone, but model.backbone is none: set model.backbone=",
        ),
        (
            {"data": SEVERAL, "train": {"loss": "asymmetric"}},
            "train.loss is asymmetric, which has no part in model.head cnn_rnn, whose loss is the",
        ),
        (
            {"data": SEVERAL, "train": {"class_weights": "balanced"}},
            "train.class_weights is balanced, which has no part in model.head cnn_rnn",
        ),
    ],
)
def test_what_does_not_go_with_a_head_is_refused(changes: dict[str, Any], advice: str) -> None:
    several = {"loss": "binary_cross_entropy", "best_by": "average_precision"}
    head: dict[str, Any] = {"model": {"backbone": "efficientnet_lite0", "views": 2, "head": "cnn_rnn"}}
    head |= {"tune": {"trials": 0}, "train": several if changes else {}}
    assert advice in refusal(merge(head, changes))


def test_a_head_is_not_searched() -> None:
    space = {"tune": {"space": {"model": {"head": {"choices": ["linear", "gcn"]}}}}}
    assert "tune.space.model.head cannot be searched: with a backbone" in refusal(space)


def test_the_heads_are_those_that_there_are() -> None:
    assert {"linear", *HEADS} <= set(get_args(Model.model_fields["head"].annotation))
