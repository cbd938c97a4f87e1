"""The prediction log: of bounded size, rotating, and with complete lines after kills and full disks."""

import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom.serving.monitoring.prediction_log import PredictionLog, read_predictions
from darkroom.serving.settings import read_settings


def lines_of(worker: int, first: int, count: int) -> list[bytes]:
    return [
        b'{"worker": %d, "number": %d, "fill": "%s"}\n' % (worker, number, b"x" * 60)
        for number in range(first, first + count)
    ]


def test_the_log_rotates_and_stays_under_its_limit(tmp_path: Path) -> None:
    store = PredictionLog(tmp_path, limit=20_000)
    for first in range(0, 1000, 10):
        store.append(lines_of(0, first, 10))
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 20_000
    numbers = [line["number"] for line in read_predictions(tmp_path)]
    assert numbers == list(range(numbers[0], 1000)), "the newest lines, in order, none missing"
    assert len(numbers) * len(lines_of(0, 900, 1)[0]) > 15_000
    with pytest.raises(OSError, match="half of what the log may take"):
        store.append([b"x" * 11_000])


CALLS = 50  # of a writer before it is killed during the next
WRITER = """
import sys
from pathlib import Path
from darkroom.serving.monitoring.prediction_log import PredictionLog
store, worker, first = PredictionLog(Path(sys.argv[1]), limit=int(sys.argv[3])), int(sys.argv[2]), 0
while True:
    numbers = range(first, first + 20)
    store.append([b'{"worker": %d, "number": %d, "fill": "%s"}\\n' % (worker, n, b"x" * 60) for n in numbers])
    first += 20
    print(first, flush=True)
"""


def test_writers_that_are_killed_leave_complete_lines(tmp_path: Path) -> None:
    """Two processes write at once and are killed, three times; what was written before is there, once."""
    written: dict[int, int] = {}
    for round_ in range(3):
        writers = {}
        for worker in (2 * round_, 2 * round_ + 1):
            command = [sys.executable, "-c", WRITER, str(tmp_path / "log"), str(worker), "50000000"]
            writers[worker] = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for worker, process in writers.items():  # they go on writing meanwhile
            assert process.stdout is not None
            written[worker] = max(int(process.stdout.readline()) for _ in range(CALLS))
        for worker, process in writers.items():
            assert process.poll() is None, "it ended before it could be killed"
            process.send_signal(signal.SIGKILL)
            printed, _ = process.communicate()
            written[worker] = max([written[worker], *map(int, printed.split())])
    # as a process that is killed within a write leaves it
    with open(tmp_path / "log/predictions.jsonl", "ab") as file:
        file.write(b'{"worker": 9, "num')
    PredictionLog(tmp_path / "log", limit=50_000_000).append(lines_of(7, 0, 1))
    found: dict[int, list[int]] = {}
    for line in read_predictions(tmp_path / "log"):
        found.setdefault(line["worker"], []).append(line["number"])
    assert found.pop(7) == [0]
    for worker, last in written.items():
        assert found[worker][:last] == list(range(last))
        assert len(set(found[worker])) == len(found[worker])
    assert 9 not in found


def test_a_batch_that_a_full_disk_took_in_part_is_removed(tmp_path: Path) -> None:
    """The kernel limits the file to 1,000 bytes, which end within a line."""
    store = PredictionLog(tmp_path, limit=1_000_000)
    store.append(lines_of(0, 0, 5))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        with pytest.raises(OSError, match="File too large"):
            store.append(lines_of(0, 5, 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (tmp_path / "predictions.jsonl").read_bytes() == b"".join(lines_of(0, 0, 5))
    store.append(lines_of(0, 5, 1))
    assert [line["number"] for line in read_predictions(tmp_path)] == [0, 1, 2, 3, 4, 5]


def test_the_folder_and_size_of_the_log_are_settings() -> None:
    assert read_settings({}, cores=1).log is None
    settings = read_settings({"DARKROOM_LOG": "/data/log", "DARKROOM_LOG_MB": "5"}, cores=1)
    assert (settings.log, settings.log_bytes, settings.log_images) == (Path("/data/log"), 5_000_000, False)
    assert read_settings({"DARKROOM_LOG_IMAGES": "1"}, cores=1).log_images
    for name, value in (("LOG", "here"), ("LOG_MB", "0"), ("LOG_IMAGES", "yes")):
        with pytest.raises(ValueError, match=f"DARKROOM_{name} is '{value}'"):
            read_settings({f"DARKROOM_{name}": value}, cores=1)
