"""The tuning benchmark counts compute and accuracy as documented; `make bench-tune` measures."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.tuning_report import statement, table
from benchmarks.tuning_searches import search_params
from benchmarks.tuning_statistics import (
    best_at,
    chances,
    expected_best,
    mean_reaches,
    random_edges,
    summarise,
    trace,
    winner,
    winners,
)
from darkroom.files import read_json
from tests.helpers.training import PARAMS


def trial(state: str, *curve: float, rate: float = 0.1) -> dict[str, Any]:
    return {"state": state, "curve": list(curve), "values": {"train.learning_rate": rate}}


def search_of(seed: int, *trials: dict[str, Any], budget: float = 2) -> dict[str, Any]:
    about = {"sampler": "tpe", "pruner": "asha"}
    return {"name": "tpe, asha", "seed": seed, "budget": budget, "about": about, "trials": list(trials)}


RUN = search_of(
    0,
    trial("complete", 0.1, 0.2, 0.5, 0.4, rate=0.1),
    trial("pruned", 0.9),
    trial("failed"),
    trial("complete", 0.2, 0.3, 0.4, 0.45, rate=0.2),
    trial("complete", 0.3, 0.5, 0.6, 0.7, rate=0.3),
)


def pool(*accuracies: float) -> list[dict[str, Any]]:
    return [
        {"number": number, "values": {"train.learning_rate": accuracy}, "curve": [0.1, accuracy]}
        for number, accuracy in enumerate(accuracies)
    ]


def test_compute_is_counted_in_full_trials() -> None:
    spent, best = trace(RUN, 4)
    assert list(spent) == [1, 1.25, 1.25, 2.25, 3.25]
    assert list(best) == [0.5, 0.5, 0.5, 0.5, 0.7], "what was pruned is no result"
    assert [best_at(RUN, 4, compute) for compute in (0.9, 1, 3.2, 3.25)] == [0, 0.5, 0.5, 0.7]


def test_the_winner_after_so_much_compute() -> None:
    assert winner(RUN, 4, 0.5) is None
    assert winner(RUN, 4, 3) == {"train.learning_rate": 0.1}
    assert winner(RUN, 4, 4) == {"train.learning_rate": 0.3}


def test_the_mean_of_searches_reaches_a_target() -> None:
    other = search_of(1, trial("complete", 0.1, 0.6, 0.6, 0.6), *[trial("pruned", 0.1, 0.1)] * 5)
    assert mean_reaches([RUN], 4, 0.5) == 1
    assert mean_reaches([RUN, other], 4, 0.549) == 1
    assert mean_reaches([RUN, other], 4, 0.649) == 3.25, "(0.7 + 0.6) / 2"
    assert mean_reaches([RUN, other], 4, 0.66) == float("inf")


def test_the_mean_best_of_random_searches_is_that_of_many_draws() -> None:
    random = np.random.default_rng(0)
    best = random.uniform(0.5, 0.7, 20)
    drawn = random.choice(best, (20_000, 6)).max(axis=1)
    assert chances(20, 6).sum() == pytest.approx(1)
    assert expected_best(best, 6) == pytest.approx(drawn.mean(), abs=3 * drawn.std() / 20_000**0.5)
    low, high = random_edges(best, 6)
    assert (drawn < low).mean() < 0.1 < (drawn <= low).mean()
    assert (drawn < high).mean() < 0.9 < (drawn <= high).mean()


def test_the_table_and_the_statement() -> None:
    results = {
        "setup": {"tune": {"epochs": 4}},
        "random": pool(0.5, 0.55, 0.6, 0.6),
        "searches": [RUN, search_of(1, *RUN["trials"])],
        "winners": [
            {"values": {"train.learning_rate": 0.1}, "seed": 1, "accuracy": 0.62},
            {"values": {"train.learning_rate": 0.1}, "seed": 2, "accuracy": 0.64},
            {"values": {"train.learning_rate": 0.6}, "seed": 1, "accuracy": 0.5},
        ],
    }
    summary = summarise(results, length=8)
    rows = {(row["search"], row["compute"]): row["accuracy"] for row in summary["rows"]}
    assert rows[("tpe, asha", 2)] == 0.5
    assert ("tpe, asha", 4) not in rows, "no search came so far"
    assert rows[("random", 8)] == summary["target"] == pytest.approx(0.6, abs=0.005)
    (ratio,) = summary["ratios"]
    assert ratio["ratio"] == pytest.approx(3.25 / 8)
    assert ratio["again"] == pytest.approx(0.63), "the winner at a quarter: of the first two full trials"
    assert summary["random_again"] == 0.5
    assert "| 2 | " in table(summary)
    assert "at 0.41 of its compute" in statement(summary)
    assert "63.00% of unseen images" in statement(summary)
    assert {"train.learning_rate": 0.6} in winners(results, length=8)


def test_a_target_out_of_reach_is_stated() -> None:
    results = {"setup": {"tune": {"epochs": 4}}, "random": pool(0.9, 0.9), "searches": [RUN], "winners": []}
    assert "does not reach 90.00% within 3 full trials" in statement(summarise(results, length=8))


def test_the_space_contains_no_default_value() -> None:
    params = search_params(quick=False)
    assert sorted(params.tune.space) == ["augment", "model", "train"]
    for group, leaves in params.tune.space.items():
        for name, leaf in leaves.items():
            assert not isinstance(leaf, tuple)
            value = getattr(getattr(params, group), name)
            assert not leaf.holds_value(value), f"the default of {group}.{name} would be a hint"


@pytest.mark.slow
def test_it_runs_and_continues_its_results(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.tuning", "--quick", "--pool", "3", "--length", "4"]
    command += ["--seeds", "1", "--budget", "2", "--again", "1", "--workers", "1", "--resume"]
    command += ["--results", str(tmp_path / "tuning.json"), "--image", str(tmp_path / "tuning.png")]

    def run(*more: str) -> str:
        done = subprocess.run(
            [*command, *more], cwd=PARAMS.parent, env=os.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    printed = run()
    assert "min left" in printed
    assert "| compute, full trials | random | tpe, asha |" in printed
    results = read_json(tmp_path / "tuning.json")
    assert [each["number"] for each in results["random"]] == [0, 1, 2]
    (found,) = results["searches"]
    epochs = results["setup"]["tune"]["epochs"]
    assert sum(len(each["curve"]) for each in found["trials"]) >= 2 * epochs
    assert all(len(each["curve"]) == epochs for each in found["trials"] if each["state"] == "complete")
    assert len(results["winners"]) >= 1
    with Image.open(tmp_path / "tuning.png") as image:
        assert image.width > 1000
    again = run("--pool", "4")
    assert "random trial 3" in again
    assert "random trial 0" not in again
    assert "seed 0" not in again
    assert read_json(tmp_path / "tuning.json")["searches"] == [found]
