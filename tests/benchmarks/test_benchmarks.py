"""The benchmarks' recipes are params, and their tables say what was measured."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from benchmarks import schedule, training, usual
from benchmarks.flops import training_flops
from benchmarks.recipe import RECIPES, read_recipe
from darkroom.config import load_params, override
from darkroom.config.trees import merge
from darkroom.data.splits import Meta
from darkroom.files import read_json
from tests.helpers.checkouts import Checkout
from tests.helpers.training import PARAMS

NAMES = sorted(path.stem for path in RECIPES.glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_is_params(name: str) -> None:
    recipe = read_recipe(name)
    params = load_params(PARAMS, recipe)
    for group, values in recipe.items():
        dumped = getattr(params, group).model_dump(mode="json")
        assert {key: dumped[key] for key in values} == values
    final = training.recipe_params(name, 3)
    assert (final.seed, final.train.use_validation) == (3, True)


def test_the_reference_is_the_published_recipe() -> None:
    params = training.recipe_params(training.REFERENCE, 0)
    assert (params.train.epochs, params.train.batch_size, params.train.learning_rate) == (8, 2000, 0.24)
    assert params.model.widths == (64, 256, 256)
    assert params.train.low_resolutions == ()


def test_a_recipe_becomes_options_of_dvc() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.recipe", "airbench94"],
        cwd=PARAMS.parent,
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    words = done.stdout.split()
    assert words[::2] == ["-S"] * (len(words) // 2)
    changes: dict[str, object] = {}
    for word in words[1::2]:
        key, _, value = word.partition("=")
        group, name = key.split(".")
        changes = merge(changes, {group: {name: YAML(typ="safe").load(value)}})
    assert load_params(PARAMS, changes) == load_params(PARAMS, read_recipe("airbench94"))


def test_an_unknown_recipe_is_named_with_those_there_are() -> None:
    with pytest.raises(SystemExit, match=r"no recipe 'airbench'.*airbench94.*resnet18"):
        read_recipe("airbench")


@pytest.mark.slow
def test_the_benchmark_trains_and_writes_what_it_saw(
    digits_run: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = digits_run
    params = checkout.root / "params.yaml"
    results = tmp_path / "training.json"
    command = [sys.executable, "-m", "benchmarks.training", "--seeds", "1", "--recipes", "params.yaml"]
    command += ["--usual-steps", "0", "--no-growth", "--resume", "--results", str(results)]
    printed = checkout.run(*command).stdout
    (run,) = read_json(results)["runs"]
    test = read_json(checkout.root / "reports/metrics.json")["test"]
    assert run["accuracy"] == pytest.approx(test["accuracy"], abs=0.05)
    assert run["gflop_per_second"] > 0
    assert f"| params.yaml | {run['accuracy']:.2%} (1 seeds)" in printed
    monkeypatch.setattr(training, "recipe_params", lambda name, seed: load_params(params, {"seed": seed}))
    monkeypatch.setattr(training, "in_process", lambda *arguments: pytest.fail("measured again"))
    monkeypatch.setattr(sys, "argv", ["training", *command[3:]])
    monkeypatch.setattr(training, "fingerprint", lambda settings, data: run["fingerprint"])
    training.main()
    assert read_json(results)["runs"] == [run]


@pytest.mark.ci
def test_a_step_is_timed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.step", "--rounds", "1", "--only", "nothing"],
        cwd=PARAMS.parent,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.search(r"\| 22 pixels, batch 500, channels-last \| \d+ \| 1\.00 \|", done.stdout)


def test_the_usual_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usual, "BATCH", 4)
    images = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    seconds = usual.seconds_a_step(images, np.arange(20) % 10, steps=2, workers=0)
    assert len(seconds) == 2
    assert min(seconds) > 0


def run_of(recipe: str, seed: int, accuracy: float, seconds: float) -> dict[str, object]:
    return {
        "recipe": recipe,
        "seed": seed,
        "accuracy": accuracy,
        "seconds": seconds,
        "images_per_second": 1000 / seconds,
        "gflop_per_second": 120.0,
        "peak_memory_gb": 1.0,
        "precision": "bfloat16",
    }


def test_the_table() -> None:
    results = {
        "machine": {"peak_gflop_per_second": {"bfloat16": 400.0, "float32": 100.0}},
        "runs": [
            run_of("airbench94", 0, 0.940, 1000.0),
            run_of("params.yaml", 0, 0.939, 400.0),
            run_of("airbench94", 1, 0.942, 1200.0),
            run_of("params.yaml", 1, 0.941, 500.0),
        ],
        "usual": {
            "epochs": 30,
            "seconds": 22_000.0,
            "images_per_second": 40.0,
            "gflop_per_second": 90.0,
        },
    }
    rows = training.summarise(results)
    assert [row["recipe"] for row in rows][:2] == ["airbench94", "params.yaml"]
    # of two values Student's interval is 12.706 times half their distance
    assert rows[0]["accuracy"] == pytest.approx(0.941)
    assert rows[0]["accuracy_half_interval"] == pytest.approx(12.706 * 0.001, rel=1e-3)
    assert rows[1]["times_reference"] == pytest.approx(450 / 1100)
    assert rows[2]["times_reference"] == pytest.approx(20)
    assert rows[0]["share_of_peak"] == pytest.approx(0.3)
    assert rows[2]["share_of_peak"] == pytest.approx(0.9)
    text = training.table(rows)
    assert "| params.yaml | 94.00% ± 1.27% (2 seeds) | 7.5 min | 0.41 |" in text
    assert "not run to its end | 366.7 min | 20.00 |" in text


def test_training_work_is_counted_forward_and_backward(tmp_path: Path) -> None:
    from darkroom.models.classifier import build_classifier
    from darkroom.training.start import OF_BACKBONES

    params = load_params(PARAMS, merge(read_recipe("airbench94"), {"train": {"epochs": 2}}))
    config = params.model.model_dump(exclude=OF_BACKBONES)
    config |= {
        "mean": [0.5] * 3,
        "std": [0.2] * 3,
        "channels": 3,
        "classes": list("abcdefghij"),
        "height": 32,
        "width": 32,
    }
    work = training_flops(build_classifier(config), params, shape=(10, 32, 32, 3))
    # 118 million products of an image forward, each a multiplication and an addition; backward twice that
    # but for the input of the first block's first convolution (13.3 million), which needs no gradient
    assert work / 20 == pytest.approx(2 * (3 * 118.1e6 - 13.3e6), rel=0.01)
    # half of the training without the first block: no gradients of its filters (21.6 million), of its
    # second convolution's input (8.3) and of the second block's input (33.2)
    half = override(params, {"train": {"first_block_until": 0.5}})
    less = training_flops(build_classifier(config), half, shape=(10, 32, 32, 3))
    assert (work - less) / 10 == pytest.approx(2 * (21.6e6 + 8.3e6 + 33.2e6), rel=0.01)
    classifier = build_classifier(config)
    training_flops(classifier, half, shape=(10, 32, 32, 3))
    assert training_flops(classifier, half, shape=(10, 32, 32, 3)) == less, (
        "whichever of its layers are frozen"
    )


@pytest.mark.parametrize(
    ("changes", "epochs"),
    [
        ({}, 16),
        pytest.param({"train": {"first_block_until": 1.0}}, 14, marks=pytest.mark.slow),
        pytest.param({"model": {"convolutions": 2}}, 21, marks=pytest.mark.slow),
    ],
)
def test_a_schedule_has_as_many_epochs_as_the_work_of_the_default_allows(
    changes: dict[str, Any], epochs: int
) -> None:
    default = schedule.search_params(trials=1)
    assert default.tune.space.keys() == {"model", "augment", "train"}
    meta = Meta("cifar10", tuple("abcdefghij"), 32, 32, 3, (0.5,) * 3, (0.2,) * 3, "", {})
    shape = (schedule.TRAINING_IMAGES, 32, 32, 3)
    budget = schedule.work_of(default, shape, meta)
    found = schedule.of_equal_work(override(default, changes), shape, meta)
    assert found.train.epochs == epochs
    assert len(found.train.low_resolutions) == epochs // 2
    assert 0.9 * budget < schedule.work_of(found, shape, meta) <= budget
    if not changes:
        assert found == default


def test_a_net_that_no_schedule_of_equal_work_has_room_for_is_named() -> None:
    wide = override(schedule.search_params(trials=1), {"model": {"widths": [1024, 1024, 1024]}})
    meta = Meta("cifar10", tuple("abcdefghij"), 32, 32, 3, (0.5,) * 3, (0.2,) * 3, "", {})
    with pytest.raises(ValueError, match=r"two epochs of these params cost [\d.]+ TFLOP, .* smaller nets"):
        schedule.of_equal_work(wide, (schedule.TRAINING_IMAGES, 32, 32, 3), meta)
