"""Proposed parameters fit every size of data set."""

from pathlib import Path
from typing import Any

import pytest

from darkroom.config import load_params
from darkroom.config.writing import write_params
from darkroom.data.proposal import propose, suits_backbone
from tests.helpers.checkouts import PROJECT


def proposed(**about: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "training": 1500,
        "classes": ["cat", "dog"],
        "largest_share": 0.5,
        "smallest_share": 0.5,
        "side": 200,
        "testing": 400,
    } | about
    return {choice.name: choice.value for choice in propose(**given)}


def nightly(value: int) -> Any:
    """Return a value of a parameter that the slow tests alone try."""
    return pytest.param(value, marks=pytest.mark.slow)


@pytest.mark.parametrize("training", [20, 1500, 1_000_000, *map(nightly, (50, 20_000))])
@pytest.mark.parametrize("classes", [2, 1000])
@pytest.mark.parametrize("side", [3, 16, 28, 4000, *map(nightly, (8, 24, 100))])
def test_what_is_proposed_is_accepted(tmp_path: Path, training: int, classes: int, side: int) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes((PROJECT / "params.yaml").read_bytes())
    names = [f"class {number}" for number in range(classes)]
    choices = proposed(training=training, classes=names, side=side, largest_share=0.9, smallest_share=1e-4)
    write_params(path, {"data.name": "mine", "data.source": "~/mine", **choices})
    params = load_params(path)
    assert params.data.size == (min(48, max(8, side)),) * 2
    assert all(low < params.data.size[0] for low in params.train.low_resolutions)
    assert len(params.train.low_resolutions) < params.train.epochs
    assert params.tune.resolution < params.data.size[0]
    assert params.gate.min_accuracy <= 0.8


def test_fewer_images_get_more_epochs_and_smaller_batches() -> None:
    few, many = proposed(training=40), proposed(training=50_000)
    assert few["train.epochs"] > many["train.epochs"] >= 16
    assert few["train.batch_size"] < many["train.batch_size"]
    assert few["tune.trials"] == 0 < many["tune.trials"]


@pytest.mark.parametrize(("training", "folds"), [(20, 5), (299, 5), (300, 0), (50_000, 0)])
def test_few_images_are_cross_validated(training: int, folds: int) -> None:
    assert proposed(training=training)["data.folds"] == folds


@pytest.mark.parametrize(
    ("classes", "flip"),
    [(["0", "1"], "none"), (["a", "B"], "none"), (["10", "11"], "none"), (["cat", "dog"], "alternating")],
)
def test_digits_and_letters_are_not_mirrored(classes: list[str], flip: str) -> None:
    choices = proposed(classes=classes)
    assert choices["augment.flip"] == flip
    assert (choices["model.views"] == 1) == (flip == "none")


def test_rare_classes_are_shown_as_often_as_frequent_ones() -> None:
    even = proposed(largest_share=0.6, smallest_share=0.4)
    assert (even["train.sampling"], even["train.best_by"]) == ("all", "accuracy")
    choices = propose(
        training=1500,
        classes=["cat", "dog"],
        side=200,
        largest_share=0.95,
        smallest_share=0.05,
        testing=400,
    )
    by_name = {choice.name: choice for choice in choices}
    assert by_name["train.sampling"].value == "balanced"
    assert "19 times the images" in by_name["train.sampling"].reason
    assert by_name["train.best_by"].value == "balanced_accuracy"
    assert by_name["train.class_weights"].value == "none", "one way is enough"
    assert by_name["train.logit_adjustment"].value == 0


def test_a_gate_asks_for_no_more_than_the_test_images_can_show() -> None:
    few, some, many = (proposed(testing=testing) for testing in (4, 50, 400))
    assert [one["gate.min_accuracy"] for one in (few, some, many)] == [0.5, 0.6, 0.6]
    assert [one["gate.max_calibration_error"] for one in (few, some, many)] == [1.0, 1.0, 0.1]


def test_a_backbone_is_for_few_photographs_in_colour() -> None:
    photographs: dict[str, Any] = {"images": 4999, "side": 96, "colour": True, "classes": ["cat", "dog"]}
    assert suits_backbone(**photographs)
    others: list[dict[str, Any]] = [
        {"images": 5000},
        {"side": 95},
        {"colour": False},
        {"classes": ["a", "b"]},
    ]
    assert not any(suits_backbone(**photographs | change) for change in others)


@pytest.mark.parametrize("training", [20, 1500])
def test_what_is_proposed_with_a_backbone_is_accepted(tmp_path: Path, training: int) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes((PROJECT / "params.yaml").read_bytes())
    choices = proposed(training=training, backbone="efficientnet_lite0")
    write_params(path, {"data.name": "mine", "data.source": "~/mine", **choices})
    params = load_params(path)
    assert (params.model.backbone, params.model.views, params.data.size) == (
        "efficientnet_lite0",
        2,
        (224, 224),
    )
    assert (params.tune.trials, params.data.folds) == (0, 5 if training < 300 else 0)
    assert params.evaluate.corruption_images == 100
    # and back, where the weights are gone
    write_params(path, proposed(training=training))
    back = load_params(path)
    assert (back.model.backbone, back.evaluate.corruption_images) == ("none", 500)


def test_without_a_backbone_the_proposal_is_the_one_from_scratch() -> None:
    without = proposed()
    assert without.pop("model.backbone") == "none"
    assert "model.weights" not in without
