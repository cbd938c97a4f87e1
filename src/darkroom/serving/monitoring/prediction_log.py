"""The prediction log: a line of JSON for each image, in a folder of bounded size."""

import errno
import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

CURRENT = "predictions.jsonl"
PARTS = 8  # files that share the limit; the oldest is deleted to make room


class PredictionLog:
    """A folder with `predictions.jsonl`, which is being written, and older files named by when they closed.

    Any number of processes may write it, in turns. A process that is killed while it writes can leave part
    of a line, which the next write terminates and readers skip.
    """

    def __init__(self, folder: Path, *, limit: int) -> None:
        """Write to `folder`, which is created when needed, and keep it under `limit` bytes."""
        self.folder, self.limit = folder, limit
        self._current = folder / CURRENT

    def append(self, lines: Sequence[bytes]) -> None:
        r"""Write lines, each with its `\n`: all lines of a call are written, or none.

        Raises:
            OSError: they cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / ".lock", "ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # against other processes; closing the file releases it
            self._append(b"".join(lines))

    def _append(self, data: bytes) -> None:
        if len(data) > self.limit // 2:
            raise OSError(errno.EFBIG, "a batch is larger than half of what the log may take")
        self._make_room(len(data))
        with open(self._current, "a+b", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            torn = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
            left = memoryview(b"\n" + data if torn else data)
            try:
                while left:
                    left = left[file.write(left) or 0 :]
            except OSError:
                with suppress(OSError):  # a full disk may have taken part of it
                    file.truncate(size)
                raise

    def _make_room(self, needed: int) -> None:
        """Close the current file if it would grow too large, and delete the oldest files."""
        sizes = {path: path.stat().st_size for path in _files(self.folder)}
        current = sizes.get(self._current, 0)
        if current and current + needed > self.limit // PARTS:
            closed = self.folder / f"predictions-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}Z.jsonl"
            self._current.rename(closed)
            sizes[closed] = sizes.pop(self._current)
        for path in sorted(path for path in sizes if path != self._current):
            if sum(sizes.values()) + needed <= self.limit:
                break
            path.unlink()
            del sizes[path]


def read_predictions(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a prediction log, the oldest first, also while a service writes it.

    Lines that are not JSON are skipped: a killed process may have left one.
    """
    for path in _files(folder):
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # deleted meanwhile, as the oldest
            continue
        for line in content.splitlines():
            with suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict):
                    yield entry


def _files(folder: Path) -> list[Path]:
    """Return the files of a log, the oldest first, the current one last."""
    closed = sorted(folder.glob("predictions-*.jsonl"))
    current = folder / CURRENT
    return [*closed, *([current] if current.exists() else [])]
