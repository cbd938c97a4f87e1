"""A disk that is full in the middle of a stage: one message, nothing half-written, the next run goes on."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.checkouts import PROJECT, Checkout
from tests.helpers.small_disk import on_small_disk

STAGES = ("download", "preprocess", "tune", "study", "train", "calibrate", "evaluate", "export", "register")
AMOUNTS = tuple(1024 * size for size in (0, 8, 64, 200, 400, 800, 1600, 3200, 6400))


def runs(checkout: Checkout, disk: Path, full: str, stage: str, *amounts: int) -> list[dict[str, Any]]:
    """Run a stage with each number of free bytes, then with enough; return what `full_disk` prints."""
    disk.mkdir()
    script = [sys.executable, "-m", "tests.helpers.full_disk", str(checkout.root), str(disk), full, stage]
    done = subprocess.run(
        on_small_disk(disk, "200m", *script, *map(str, amounts)),
        cwd=PROJECT,
        env=checkout.environment | {"PYTHONPATH": f"{PROJECT}:src"},
        capture_output=True,
        text=True,
        check=False,
    )
    for copy in ("copy", "copy-alone"):
        shutil.rmtree(f"{disk}-{copy}", ignore_errors=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(results: list[dict[str, Any]], disk: Path) -> list[int]:
    """Check every run; return the free bytes with which it failed."""
    failed = []
    for result in results:
        where = f"with {result['free']} bytes free: {result['stderr']}"
        assert result["litter"] == [], where
        assert result["other"] == [], where
        if result["status"]:
            failed.append(result["free"])
            assert "Traceback" not in result["stderr"], where
            said = [line for line in result["stderr"].splitlines() if "no space left on the disk of" in line]
            assert len(said) == 1, where
            assert str(disk) in said[0], where
            assert "run `dvc repro` again" in said[0], where
    assert results[-1]["status"] == 0, results[-1]["stderr"]
    return failed


@pytest.mark.parametrize(
    ("stage", "free"),
    [
        pytest.param("calibrate", 8192, marks=pytest.mark.ci),
        pytest.param("tune", 0, marks=pytest.mark.slow),  # whose database says "disk I/O error"
    ],
)
def test_a_stage_on_a_full_disk(digits_run: Checkout, tmp_path: Path, stage: str, free: int) -> None:
    disk = tmp_path / "disk"
    assert check(runs(digits_run, disk, "project", stage, free), disk) == [free]


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("stage", [*STAGES, "package"])
def test_every_stage_on_a_disk_with_ever_more_space(digits_run: Checkout, tmp_path: Path, stage: str) -> None:
    disk = tmp_path / "disk"
    assert 0 in check(runs(digits_run, disk, "project", stage, *AMOUNTS), disk)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("full", "stage"),
    [
        *(("mlflow", stage) for stage in ("preprocess", "tune", "study", "train", "evaluate", "register")),
        *(("tmp", stage) for stage in ("export", "register", "package")),
        ("bentoml", "package"),
    ],
)
def test_another_disk_is_full(digits_run: Checkout, tmp_path: Path, full: str, stage: str) -> None:
    disk = tmp_path / "disk"
    check(runs(digits_run, disk, full, stage, 0, 100_000, 1_000_000), disk)


@pytest.mark.slow
def test_a_limit_for_files_ends_a_stage_with_a_message(digits_run: Checkout, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(digits_run.root, root, symlinks=True)
    copy = Checkout(root, digits_run.environment)
    command = 'ulimit -f 4 && exec "$0" -m pipeline.calibrate'
    done = copy.run("sh", "-c", command, sys.executable, check=False)
    assert done.returncode == 1, done.stderr
    assert "would be larger than this process may write" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("setpriv") is None, reason="only root can make files of another user"
)
def test_files_of_another_user_end_a_stage_with_a_message(digits_run: Checkout, tmp_path: Path) -> None:
    """As after a stage that was run with sudo once; here root is the one without rights."""
    root = tmp_path / "copy"
    shutil.copytree(digits_run.root, root, symlinks=True)
    for path in (root / "models", *(root / "models").rglob("*")):
        os.chown(path, 54321, 54321)
    without_rights = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
    command = [*without_rights, sys.executable, "-m", "pipeline.calibrate"]
    done = Checkout(root, digits_run.environment).run(*command, check=False)
    assert done.returncode == 1, done.stderr
    assert "models/validation_logits.npy cannot be opened or written: permission denied" in done.stderr
    assert "it belongs to user 54321 and this is user 0 (was something run with sudo?)" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("store", "mlflow.db cannot be opened or written", marks=pytest.mark.ci),
        pytest.param("models", "models/validation_logits.npy is read-only", marks=pytest.mark.slow),
    ],
)
def test_a_read_only_disk_ends_a_stage_with_a_message(
    digits_run: Checkout, tmp_path: Path, name: str, said: str
) -> None:
    root, content = tmp_path / "copy", tmp_path / "content"
    shutil.copytree(digits_run.root, root, symlinks=True)
    (root / "store").mkdir()
    shutil.copyfile(root / "mlflow.db", root / "store/mlflow.db")
    (root / name).rename(content)
    (root / name).mkdir()
    script = 'cp -r "$1/." "$2" && mount -o remount,ro "$2" && shift 2 && exec "$@"'
    stage = [sys.executable, "-m", "pipeline.calibrate"]
    command = on_small_disk(
        root / name, "50m", "sh", "-c", script, "sh", str(content), str(root / name), *stage
    )
    uri = f"sqlite:///{root}/store/mlflow.db"
    done = Checkout(root, digits_run.environment).run(*command, check=False, MLFLOW_TRACKING_URI=uri)
    assert done.returncode == 1, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
