"""Images with what people say they are of, kept for review in a folder that the operator names."""

import fcntl
import hashlib
import json
import os
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from ..errors import RequestError

SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg"}  # by Pillow's format; else its name


class FeedbackStore:
    """A folder with images, named by their SHA-256, and `feedback.jsonl` with a line each.

    Any number of processes may write it. A line is there only when its image is. A crash can leave a
    part of a line, which the next write ends and readers pass over, or an image without a line.
    """

    def __init__(self, folder: Path, *, limit: int) -> None:
        """Open a folder, which is made where it is missing.

        Args:
            folder: where all is kept.
            limit: bytes that images and lines together may take.

        Raises:
            OSError: the folder cannot be made.
        """
        self.folder, self.limit = folder, limit
        self.lines = folder / "feedback.jsonl"
        self._lock = threading.Lock()
        self._forget()
        (folder / "images").mkdir(parents=True, exist_ok=True)

    def _forget(self) -> None:
        self._read = self._bytes = self._file = 0
        self._known: dict[str, set[str | None]] = {}  # classes said, by image

    def keep(self, image: bytes, *, kind: str, said: str | None, about: Mapping[str, Any]) -> bool:
        """Keep what somebody says that an image is of.

        Args:
            image: the file as it came.
            kind: Pillow's name of its format.
            said: its class; None is none of the model's.
            about: what else the line is to tell.

        Returns:
            False where the same was said of the same image before; then nothing is written.

        Raises:
            RequestError: 507, the folder is full or cannot be written.
        """
        sha256 = hashlib.sha256(image).hexdigest()
        path = self.folder / "images" / (sha256 + SUFFIXES.get(kind, "." + kind.lower()))
        told = {"image": f"images/{path.name}", "sha256": sha256, "bytes": len(image), "class": said}
        line = json.dumps({**told, **about}, ensure_ascii=False).encode() + b"\n"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._lock, open(self.lines, "a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # of the other processes; closing lets it go
                torn = self._catch_up(file)
                if said in self._known.get(sha256, ()):
                    return False
                new = 0 if sha256 in self._known else len(image)
                if self._bytes + new + len(line) > self.limit:
                    raise RequestError(
                        507,
                        "feedback_full",
                        f"The feedback takes {self._bytes:,} bytes of {self.limit:,} already. Whoever runs "
                        "the service can make room: review it, or set DARKROOM_FEEDBACK_MB.",
                    )
                if new:
                    _write(path, image)
                file.write(b"\n" + line if torn else line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise RequestError(
                507,
                "feedback_failed",
                f"The feedback cannot be written now ({error.strerror}). Nothing was kept.",
            ) from error
        return True

    def _catch_up(self, file: IO[bytes]) -> bool:
        """Read the lines since the last time; tell whether the file ends within a line."""
        now = os.fstat(file.fileno())
        if now.st_ino != self._file or now.st_size < self._read:  # the operator began a new one
            self._forget()
            self._file = now.st_ino
        file.seek(self._read)
        new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        self._bytes += len(whole)
        for line in whole.splitlines():
            try:
                entry = json.loads(line)
                sha256, size, said = entry["sha256"], entry["bytes"], entry["class"]
            except (ValueError, KeyError, TypeError):  # ends where a crash was
                continue
            if sha256 not in self._known:
                self._bytes += size
            self._known.setdefault(sha256, set()).add(said)
        return len(whole) < len(new)


def _write(path: Path, content: bytes) -> None:
    """Write a file that is there whole, on the disk, or not at all."""
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name
    finally:
        os.close(folder)
