"""The recent predictions: a bounded buffer that workers share, intact after one of them is killed."""

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.serving.monitoring.drift_score import CHECK_EVERY, WINDOW
from darkroom.serving.monitoring.recent_predictions import SLOTS, RecentPredictions


def numbered_rows(first: int, count: int) -> NDArray[np.float32]:
    return np.arange(first, first + count, dtype=np.float32)[:, None].repeat(3, 1)


def test_the_rows_end_at_the_last_check_and_never_exceed_the_window(tmp_path: Path) -> None:
    recent = RecentPredictions(3, tmp_path / "recent")
    assert recent.last_check()[0] == 0
    total = 0
    for count in (1, 24, 30, 700, 3, 60):
        recent.add(numbered_rows(total, count))
        total += count
        checked, rows = recent.last_check()
        assert checked == total // CHECK_EVERY * CHECK_EVERY
        np.testing.assert_array_equal(rows[:, 0], np.arange(max(0, checked - WINDOW), checked))


def add_until_killed(path: Path, started: Any) -> None:
    recent = RecentPredictions(3, path)
    while True:
        recent.add(numbered_rows(0, 7))
        started.set()


def test_workers_share_the_rows_and_a_killed_one_leaves_them_intact(tmp_path: Path) -> None:
    path, spawn = tmp_path / "recent", multiprocessing.get_context("spawn")
    for _ in range(2):
        started = spawn.Event()
        other = spawn.Process(target=add_until_killed, args=(path, started))
        other.start()
        assert started.wait(60)
        assert other.pid is not None
        os.kill(other.pid, signal.SIGKILL)
        other.join()
    recent = RecentPredictions(3, path)
    before, _ = recent.last_check()
    assert before % CHECK_EVERY == 0
    recent.add(numbered_rows(50_000, SLOTS))
    checked, rows = recent.last_check()
    assert checked >= before + SLOTS - CHECK_EVERY
    assert (np.diff(rows[:, 0]) == 1).all()
