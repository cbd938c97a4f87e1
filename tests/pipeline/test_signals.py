"""SIGTERM and SIGINT in every stage, in DVC around it, and in the quickstart."""

import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from darkroom.files import sha256_file
from tests.helpers.checkouts import PROJECT, Checkout, copy_for_training, new_checkout
from tests.helpers.signals import (
    printed_by,
    run_states,
    stop_at_first_output,
    stop_when,
    to_group,
    to_process,
)

STAGES: dict[str, Any] = yaml.safe_load((PROJECT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
STAGE = (sys.executable, "-m")


def change(checkout: Checkout, section: str, **values: object) -> None:
    """Change a section of a copy's params.yaml."""
    path = checkout.root / "params.yaml"
    tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    tree[section] |= values
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")


def whole_copy(checkout: Checkout, folder: Path) -> Checkout:
    """Copy a checkout with everything in it."""
    shutil.copytree(checkout.root, folder, symlinks=True)
    return Checkout(folder, checkout.environment)


def leftovers(root: Path) -> list[Path]:
    """Return the files that were written aside and not renamed."""
    return [path for name in ("data", "models", "reports") for path in (root / name).rglob(".*.tmp")]


@pytest.mark.ci
def test_a_stopped_training_goes_on_at_the_step_and_ends_the_same(
    digits_run: Checkout, tmp_path: Path
) -> None:
    stopped = copy_for_training(digits_run, tmp_path / "stopped")
    ended = stop_when(
        stopped,
        (*STAGE, "pipeline.train"),
        lambda: "epoch  2/12" in printed_by(stopped),
        to_process(signal.SIGTERM),
    )
    assert ended.code == -signal.SIGTERM, ended.printed
    assert "stopped by SIGTERM after " in ended.printed
    assert "of 12; `dvc repro` goes on from there" in ended.printed
    assert "Traceback" not in ended.printed
    assert run_states(stopped) == ["KILLED"]
    assert "resuming after " in stopped.stage("train")
    assert run_states(stopped) == ["FINISHED"], "it is the same run"
    for name in ("models/model.safetensors", "reports/curve.csv", "reports/train.json"):
        assert sha256_file(stopped.root / name) == sha256_file(digits_run.root / name)


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_is_stopped_leaves_nothing_half_written_and_runs_again(
    stage: str, digits_run: Checkout, tmp_path: Path
) -> None:
    copy = whole_copy(digits_run, tmp_path / "copy")
    number = signal.SIGINT if list(STAGES).index(stage) % 2 else signal.SIGTERM
    ended = stop_at_first_output(copy, stage, number)
    assert ended.code == -number, ended.printed
    assert f"stopped by {number.name}" in ended.printed
    assert "`dvc repro`" in ended.printed
    assert "Traceback" not in ended.printed
    assert leftovers(copy.root) == []
    assert "RUNNING" not in run_states(copy)
    copy.stage(stage)
    assert leftovers(copy.root) == []


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_stopped_search_finishes_its_trials_in_the_next_run(
    workers: int, digits_run: Checkout, tmp_path: Path
) -> None:
    copy = copy_for_training(digits_run, tmp_path / "copy")
    change(copy, "tune", trials=3, epochs=3, workers=workers, pruner="none")
    ended = stop_when(
        copy,
        (*STAGE, "pipeline.tune"),
        lambda: list(copy.root.glob(".checkpoints/tune-*/trial-*/epoch-*")),
        to_group(signal.SIGINT),
    )
    assert ended.code == -signal.SIGINT, ended.printed
    assert "of 3 trials finished" in ended.printed
    assert "`dvc repro` goes on from there" in ended.printed
    assert "Traceback" not in ended.printed
    assert "RUNNING" not in run_states(copy), "the search's run and those of its trials are ended"
    assert list(copy.root.glob(".checkpoints/tune-*/trial-*/epoch-*-step-*")), "the step was saved"
    assert "best of 3 trials" in copy.stage("tune")
    table = (copy.root / "reports/trials.csv").read_text()
    assert "its worker was stopped by SIG" in table
    assert table.count(",complete,") == 3


@pytest.mark.slow
def test_several_training_processes_stop_at_the_same_step(digits_run: Checkout, tmp_path: Path) -> None:
    copy = copy_for_training(digits_run, tmp_path / "copy")
    change(copy, "train", epochs=6, patience=6, processes=2)
    ended = stop_when(
        copy,
        (*STAGE, "pipeline.train"),
        lambda: "epoch  2/6" in printed_by(copy),
        to_group(signal.SIGINT),
    )
    assert ended.code == -signal.SIGINT, ended.printed
    assert ended.printed.count("stopped by SIGINT after ") == 1
    assert "Traceback" not in ended.printed
    assert "resuming after " in copy.stage("train")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("send", "number"),
    [
        (to_group(signal.SIGINT), signal.SIGINT),
        (to_group(signal.SIGTERM), signal.SIGTERM),
        (to_process(signal.SIGTERM), signal.SIGTERM),
    ],
    ids=["Ctrl-C", "SIGTERM to all", "SIGTERM to dvc alone"],
)
def test_dvc_repro_stops_with_its_stage_and_goes_on(
    send: Any, number: signal.Signals, digits_run: Checkout, tmp_path: Path
) -> None:
    copy = whole_copy(digits_run, tmp_path / "copy")
    change(copy, "train", epochs=13, patience=13)
    repro = (*STAGE, "dvc", "repro", "--single-item", "train")
    ended = stop_when(copy, repro, lambda: "epoch  2/13" in printed_by(copy), send)
    assert ended.code != 0
    assert "stopped by SIG" in ended.printed
    assert "`dvc repro` goes on from there" in ended.printed
    assert "Traceback" not in ended.printed
    if number == signal.SIGINT:
        assert "failed to run: python -m pipeline.train, exited with -2" in ended.printed
    assert "resuming after " in copy.run(*repro).stdout


@pytest.mark.slow
@pytest.mark.parametrize("send", [to_group(signal.SIGINT), to_process(signal.SIGTERM)])
def test_the_quickstart_stops_with_all_its_processes(send: Any, tmp_path: Path) -> None:
    checkout = new_checkout(tmp_path / "checkout")
    ended = stop_when(
        checkout,
        (*STAGE, "darkroom", "quickstart"),
        lambda: list(checkout.root.glob("**/.checkpoints/tune-*")),
        send,
    )
    assert ended.code in (-signal.SIGINT, -signal.SIGTERM), ended.printed
    assert "The checkout was not changed" in ended.printed
    assert "Traceback" not in ended.printed
    assert checkout.run("git", "status", "--porcelain").stdout == ""
