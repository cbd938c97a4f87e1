"""A training that is killed, or whose checkpoints are damaged, ends like one that was not."""

import logging
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from darkroom.training.history import Epoch
from tests.helpers.fitting import same_weights, train_digits, weights
from tests.helpers.training import ADAM, CLASSIC, PARAMS

pytestmark = pytest.mark.usefixtures("one_thread")


RESUMED: dict[str, dict[str, Any]] = {
    "model": {"dropout": 0.3},
    "augment": {"flip": "alternating", "translate": 1, "cutout": 2},
    "train": {"epochs": 4, "low_resolutions": [6], "hardest_share": 0.5, "first_block_until": 0.6},
}
KILLED = """
import os, signal, sys
from pathlib import Path
import torch
import torch.nn.functional as F
from tests.helpers.fitting import train_digits
torch.set_num_threads(1)
changes = {changes!r}
def die(epoch):
    if epoch.epoch == 2:
        os.kill(os.getpid(), signal.SIGKILL)
train_digits(changes, images=256, checkpoints=Path(sys.argv[1]), on_epoch=die)
"""


@pytest.mark.parametrize(
    "changes",
    [
        RESUMED,
        {**RESUMED, "model": {**CLASSIC, "dropout": 0.3}, "train": {**RESUMED["train"], **ADAM}},
        pytest.param({**RESUMED, "train": {**RESUMED["train"], "average": "ema"}}, marks=pytest.mark.slow),
        pytest.param(
            {**RESUMED, "augment": {"flip": "random"}, "train": {**RESUMED["train"], "average": "lookahead"}},
            marks=pytest.mark.slow,
        ),
    ],
    ids=["fast/muon", "classic/adam", "fast/muon/ema", "fast/muon/lookahead"],
)
def test_a_killed_training_ends_like_one_that_was_not(tmp_path: Path, changes: dict[str, Any]) -> None:
    killed = in_another_process(KILLED.format(changes=changes), str(tmp_path / "killed"))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert [path.name for path in (tmp_path / "killed").iterdir()] == ["epoch-00001.safetensors"]
    epochs: list[int] = []
    resumed, result = train_digits(
        changes,
        images=256,
        checkpoints=tmp_path / "killed",
        on_epoch=lambda epoch: epochs.append(epoch.epoch),
    )
    assert epochs == [2, 3, 4]
    whole, uninterrupted = train_digits(changes, images=256, checkpoints=tmp_path / "whole")
    assert same_weights(weights(resumed), weights(whole))

    def figures(epoch: Epoch) -> tuple[float | None, ...]:
        return epoch.train_loss, epoch.train_accuracy, epoch.validation_loss, epoch.validation_accuracy

    assert [figures(epoch) for epoch in result.history] == [figures(e) for e in uninterrupted.history]
    last = [(tmp_path / name / "epoch-00004.safetensors").read_bytes() for name in ("killed", "whole")]
    assert len(last[0]) == pytest.approx(len(last[1]), rel=0.01)


def test_after_a_damaged_checkpoint_training_resumes_from_the_one_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    changes = {"train": {"epochs": 3}}
    first, _ = train_digits(changes, images=128, checkpoints=tmp_path)
    path = tmp_path / "epoch-00003.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    epochs: list[int] = []
    with caplog.at_level(logging.WARNING):
        again, _ = train_digits(
            changes,
            images=128,
            checkpoints=tmp_path,
            on_epoch=lambda epoch: epochs.append(epoch.epoch),
        )
    assert "damaged" in caplog.text
    assert epochs == [3]
    assert same_weights(weights(first), weights(again))


FULL_DISK = """
import resource, sys
from pathlib import Path
import torch
import torch.nn.functional as F
from tests.helpers.fitting import train_digits
torch.set_num_threads(1)
folder = Path(sys.argv[1])
def limit(epoch):
    if epoch.epoch == 3:  # a file may grow to half a checkpoint's size, as if the disk ended there
        size = (folder / "epoch-00002.safetensors").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))
train_digits({"train": {"epochs": 4}}, images=128, checkpoints=folder, on_epoch=limit)
"""


def in_another_process(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    root = PARAMS.parent
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=root,
        env={**os.environ, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"},
        capture_output=True,
        text=True,
    )


def test_a_full_disk_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    done = in_another_process(FULL_DISK, str(tmp_path))
    assert done.returncode == 1
    assert re.search(r"TrainingError: the checkpoint of epoch 3 cannot be written .*free space", done.stderr)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["epoch-00001.safetensors", "epoch-00002.safetensors"], "nothing half-written"
    epochs: list[int] = []
    resumed, _ = train_digits(
        {"train": {"epochs": 4}},
        images=128,
        checkpoints=tmp_path,
        on_epoch=lambda epoch: epochs.append(epoch.epoch),
    )
    assert epochs == [3, 4]
    assert same_weights(weights(resumed), weights(train_digits({"train": {"epochs": 4}}, images=128)[0]))


def test_an_error_in_on_epoch_ends_the_training(tmp_path: Path) -> None:
    def stop(epoch: Epoch) -> None:
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        train_digits(images=128, checkpoints=tmp_path, on_epoch=stop)
    assert not list(tmp_path.iterdir()), "the epoch is trained again"
