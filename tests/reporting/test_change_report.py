"""The report of a change, from a real git history."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darkroom.evaluation.intervals import wilson_interval
from darkroom.files import write_json, write_text
from darkroom.reporting.change_report import difference_interval, pr_report


def metrics(correct: int) -> dict[str, Any]:
    low, high = wilson_interval(correct, 1000)
    share = {"accuracy": correct / 1000, "accuracy_low": low, "accuracy_high": high, "images": 1000}
    return {
        "test": {**share, "loss": 0.25, "loss_low": 0.2, "loss_high": 0.3},
        "calibration": {"error": 0.012, "error_low": 0.01, "error_high": 0.02},
        "corrupted": share,
        "duplicates": {"found": 3, "without": share},
    }


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.setenv(variable, "someone@localhost")
    git(tmp_path, "init", "-q", "-b", "main")
    write_json(tmp_path / "reports/metrics.json", metrics(900))
    write_text(tmp_path / "params.yaml", "seed: 0\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "Start")
    return tmp_path


def test_the_difference_to_another_branch_has_an_interval(checkout: Path) -> None:
    write_json(checkout / "reports/metrics.json", metrics(930))
    write_text(checkout / "params.yaml", "seed: 1\n")
    write_text(checkout / "reports/confusion_matrix.csv", "actual,cat,a|b\ncat,400,30\na|b,40,530\n")
    write_text(checkout / "reports/misclassified.csv", "image,actual,predicted,confidence\n7,cat,a|b,0.99\n")
    verdict = {"words": "promoted: +3.00 points", "promoted": True}
    write_json(checkout / "reports/registered.json", {"name": "x", "version": "2", "verdict": verdict})
    report = pr_report(checkout, against="main")
    assert "+3.00 points against `main`" in report
    assert "| accuracy | 93.00% (91.25% to 94.42%) | 90.00% (87.98% to 91.71%) |" in report
    assert "| macro F1 | not measured | not measured |" in report
    assert "version 2, promoted: +3.00 points." in report
    assert "| cat | 400 | 30 |" in report
    assert "| 7 | cat | a\\|b | 99.0% |" in report
    assert "-seed: 0\n+seed: 1" in report


def test_equal_reports_are_reported_as_equal(checkout: Path) -> None:
    assert "the reports are the same as those of `main`" in pr_report(checkout, against="main")


def test_reports_of_older_code_can_be_compared_with(checkout: Path) -> None:
    older: dict[str, Any] = metrics(900)
    older = {"test": {key: older["test"][key] for key in ("accuracy", "images", "loss")}}
    write_json(checkout / "reports/metrics.json", older)
    write_json(checkout / "reports/registered.json", {"name": "x", "version": "1", "promoted": True})
    git(checkout, "add", "-A")
    git(checkout, "commit", "-q", "-m", "Older")
    write_json(checkout / "reports/metrics.json", metrics(930))
    report = pr_report(checkout, against="main")
    assert "| accuracy | 93.00% (91.25% to 94.42%) | 90.00% |" in report
    assert "| calibration error | 1.20% (1.00% to 2.00%) | not measured |" in report
    assert "version 1, not judged" in report


def test_class_names_that_look_like_numbers_are_not_changed(checkout: Path) -> None:
    write_text(checkout / "reports/confusion_matrix.csv", "actual,007,1e3\n007,400,30\n1e3,40,530\n")
    write_text(checkout / "reports/misclassified.csv", "image,actual,predicted,confidence\n7,007,1e3,0.99\n")
    report = pr_report(checkout, against="main")
    assert "| 007 | 400 | 30 |" in report
    assert "| 7 | 007 | 1e3 | 99.0% |" in report


def test_missing_reports_are_named(checkout: Path) -> None:
    report = pr_report(checkout, against="nowhere")
    assert "`nowhere` has no reports to compare with" in report
    assert "| accuracy | 90.00% (87.98% to 91.71%) |" in report
    (checkout / "reports/metrics.json").unlink()
    assert "run `dvc repro`" in pr_report(checkout, against="main")


@pytest.mark.integration  # takes seconds
def test_the_interval_of_a_difference_covers_it_in_95_percent() -> None:
    # Newcombe (1998), table II: 56 of 70 and 48 of 80 differ by 0.2, from 0.0524 to 0.3339
    assert difference_interval(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=1e-4)
    generator, held = np.random.default_rng(0), 0
    for first, second in zip(
        generator.binomial(500, 0.93, 400), generator.binomial(500, 0.90, 400), strict=True
    ):
        low, high = difference_interval(int(first), 500, int(second), 500)
        held += low <= 0.03 <= high
    assert 0.92 <= held / 400 <= 0.985


def test_the_projects_own_reports_are_readable() -> None:
    root = Path(__file__).resolve().parents[2]
    known = json.loads((root / "reports/metrics.json").read_text(encoding="utf-8"))
    assert f"{known['test']['accuracy']:.2%}" in pr_report(root, against="HEAD")
