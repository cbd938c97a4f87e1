"""User feedback: images with the class that users say they show, kept in a folder for review."""

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

SUFFIXES = {
    "JPEG": ".jpg",
    "MPO": ".jpg",
    "HEIF": ".heic",
    "JPEG2000": ".jp2",
}  # of Pillow's formats; of others their name


class FeedbackStore:
    """A folder with images, named by their SHA-256, and `feedback.jsonl` with a line for each statement.

    Any number of processes may write it. A line is written only after its image. A crash can leave part of a
    line, which the next write terminates and readers skip, or an image without a line.
    """

    def __init__(self, folder: Path, *, limit: int) -> None:
        """Open a folder, which is created when needed.

        Args:
            folder: of images and lines.
            limit: bytes that images and lines together may take.

        Raises:
            OSError: the folder cannot be created.
        """
        self.folder, self.limit = folder, limit
        self.lines = folder / "feedback.jsonl"
        self._lock = threading.Lock()
        self._reset()
        (folder / "images").mkdir(parents=True, exist_ok=True)

    def _reset(self) -> None:
        """Forget what was read of the file."""
        self._read_bytes = self._stored_bytes = self._inode = 0
        self._labels: dict[str, set[str | None]] = {}  # by the image's SHA-256

    def keep(self, image: bytes, *, image_format: str, label: str | None, details: Mapping[str, Any]) -> bool:
        """Keep an image with the class that a user says it shows.

        Args:
            image: the file as it was uploaded.
            image_format: Pillow's name of its format.
            label: the class; None for none of the model's classes.
            details: more fields for the line.

        Returns:
            False if the same label was given to the same image before; then nothing is written.

        Raises:
            RequestError: 507, the folder is full or cannot be written.
        """
        sha256 = hashlib.sha256(image).hexdigest()
        path = self.folder / "images" / (sha256 + SUFFIXES.get(image_format, "." + image_format.lower()))
        fields = {"image": f"images/{path.name}", "sha256": sha256, "bytes": len(image), "class": label}
        line = json.dumps({**fields, **details}, ensure_ascii=False).encode() + b"\n"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._lock, open(self.lines, "a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # against other processes; closing the file releases it
                torn = self._catch_up(file)
                if label in self._labels.get(sha256, ()):
                    return False
                new = 0 if sha256 in self._labels else len(image)
                self._check_room(new + len(line))
                if new:
                    _write_durably(path, image)
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

    def _check_room(self, needed: int) -> None:
        if self._stored_bytes + needed > self.limit:
            raise RequestError(
                507,
                "feedback_full",
                f"The feedback takes {self._stored_bytes:,} bytes of {self.limit:,} already. The operator of "
                "the service can make room: review it, or set DARKROOM_FEEDBACK_MB.",
            )

    def _catch_up(self, file: IO[bytes]) -> bool:
        """Read the lines added since the last call; return whether the file ends within a line."""
        now = os.fstat(file.fileno())
        if now.st_ino != self._inode or now.st_size < self._read_bytes:  # the operator started a new file
            self._reset()
            self._inode = now.st_ino
        file.seek(self._read_bytes)
        new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        self._stored_bytes += len(whole)
        for line in whole.splitlines():
            try:
                entry = json.loads(line)
                sha256, size, label = entry["sha256"], entry["bytes"], entry["class"]
            except (ValueError, KeyError, TypeError):  # part of a line, from a crash
                continue
            if sha256 not in self._labels:
                self._stored_bytes += size
            self._labels.setdefault(sha256, set()).add(label)
        return len(whole) < len(new)


def _write_durably(path: Path, content: bytes) -> None:
    """Write a file that is on the disk completely, or not at all."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # for the file's name
    finally:
        os.close(folder)
