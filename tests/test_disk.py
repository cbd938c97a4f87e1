"""Errors of the disk are told in one message, whichever library they come from."""

import errno
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darkroom import disk
from darkroom.disk import disk_errors_told, explain
from darkroom.files import copy_file, folder_aside, write_array, write_text
from tests.helpers.small_disk import on_small_disk

AGAIN = "run `dvc repro` again"
LIBRARIES = """
import sqlite3, sys
from pathlib import Path
import numpy as np, pandas as pd, torch
from PIL import Image
from safetensors.torch import save_file
from sqlalchemy import create_engine, text
from darkroom.disk import explain
from darkroom.files import atomic_write, copy_file, write_array, write_json, write_table

place = Path(sys.argv[1])
big = np.random.default_rng(0).integers(0, 255, 4_000_000, dtype=np.uint8)
(place / "source").write_bytes(b"1" * 700_000)
table = pd.DataFrame({"a": np.random.default_rng(0).random(400_000)})

def sqlite():
    with sqlite3.connect(place / "a.db") as database:
        database.execute("create table t (b)")
        database.execute("insert into t values (zeroblob(4000000))")

def alchemy():
    with create_engine(f"sqlite:///{place / 'b.db'}").begin() as database:
        database.execute(text("create table t (b)"))
        database.execute(text("insert into t values (zeroblob(4000000))"))

def parquet():
    with atomic_write(place / "a.parquet") as file:
        table.to_parquet(file)

def image():
    with atomic_write(place / "a.png") as file:
        Image.fromarray(big.reshape(2000, 2000)).save(file, format="png")

ways = {
    "array": lambda: write_array(place / "a.npy", big),
    "json": lambda: write_json(place / "a.json", big.tolist()),
    "table": lambda: write_table(place / "a.csv", table),
    "copy": lambda: copy_file(place / "source", place / "copy"),
    "parquet": parquet,
    "image": image,
    "sqlite": sqlite,
    "alchemy": alchemy,
    "safetensors": lambda: save_file({"a": torch.from_numpy(big)}, place / "a.safetensors"),
    "numpy": lambda: np.save(place / "b.npy", big),
    "torch": lambda: torch.save(torch.from_numpy(big), place / "a.pt"),
}
for name, way in ways.items():
    try:
        way()
        print(name, "wrote it all")
    except Exception as error:
        print(name, explain(error, [place], again="run it again"))
    for path in place.iterdir():
        if path.name not in ("source",):
            print(name, "remains", path.name)
            path.unlink()
"""


@pytest.mark.integration
def test_every_librarys_error_on_a_full_disk_is_told(tmp_path: Path) -> None:
    command = on_small_disk(tmp_path, "1m", sys.executable, "-c", LIBRARIES, str(tmp_path))
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    said = dict(line.split(" ", 1) for line in printed.splitlines() if " remains " not in line)
    assert len(said) == 11
    for name, message in said.items():
        assert message.startswith(f"no space left on the disk of {tmp_path}"), f"{name}: {message}"
    left = {tuple(line.split(" remains ")) for line in printed.splitlines() if " remains " in line}
    # files that Darkroom writes are whole or not there; the others are these libraries' own
    assert {name for name, _ in left} <= {"sqlite", "alchemy", "safetensors", "numpy", "torch"}


def test_the_message_names_the_file_the_space_and_what_to_do() -> None:
    error = OSError(errno.ENOSPC, "No space left on device", "/nonexistent/models/a.npy")
    message = explain(error, [], again=AGAIN)
    assert message is not None
    assert message.startswith("no space left on the disk of /nonexistent/models/a.npy: ")
    assert " MB are free. Free some, then run `dvc repro` again" in message


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.EDQUOT, "Disk quota exceeded", "/x/y"), "your disk quota is used up (/x/y)"),
        (OSError(errno.EFBIG, "File too large", "/x/y"), "/x/y would be larger than this process may write"),
        (OSError(errno.EROFS, "Read-only file system", "/x/y"), "the file system of /x/y is read-only"),
        (PermissionError(errno.EACCES, "Permission denied", "/x/y"), "/x/y cannot be opened or written"),
        (sqlite3.OperationalError("database or disk is full"), "no space left on the disk of "),
        (sqlite3.OperationalError("attempt to write a readonly database"), " cannot be opened or written"),
        (
            RuntimeError("bentoml: [Errno 28] No space left on device: '/x/y'"),
            "no space left on the disk of /x/y",
        ),
        (
            shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'")]),
            "no space left on the disk of ",
        ),
        (
            FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/t']"),
            "set TMPDIR to one",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", "/from", None, "/to"),
            "no space left on the disk of /to",
        ),
    ],
    ids=str,
)
def test_each_kind_has_its_message(error: Exception, expected: str, tmp_path: Path) -> None:
    message = explain(error, [tmp_path], again=AGAIN)
    assert message is not None
    assert expected in message
    assert AGAIN in message
    assert "\n" not in message


def test_a_file_that_is_written_aside_has_its_name(tmp_path: Path) -> None:
    aside = tmp_path / ".logits.npy.k6gefve0.tmp"
    message = explain(OSError(errno.EROFS, "Read-only file system", str(aside)), [tmp_path], again=AGAIN)
    assert message is not None
    assert message.startswith(f"the file system of {tmp_path / 'logits.npy'} is read-only")


@pytest.mark.parametrize(("free", "told"), [(0, True), (1 << 30, False)])
def test_an_io_error_of_sqlite_is_a_full_disk_where_one_is_full(
    free: int, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "free_bytes", lambda path: free)
    error = SystemExit("the study's storage cannot be opened")
    error.__cause__ = sqlite3.OperationalError("disk I/O error")
    message = explain(error, [tmp_path], again=AGAIN)
    assert (message is not None and message.startswith(f"no space left on the disk of {tmp_path}")) == told


def test_an_error_during_the_clean_up_does_not_hide_the_first(tmp_path: Path) -> None:
    def fail() -> None:
        try:
            raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "a"))
        finally:
            raise ValueError("the run cannot be ended")

    with pytest.raises(SystemExit, match="no space left on the disk of "), disk_errors_told([], again=AGAIN):
        fail()


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no such class"),
        FileNotFoundError(errno.ENOENT, "No such file or directory", "/x/y"),
        PermissionError(errno.EACCES, "Permission denied"),  # of a port, say
        ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
        SystemExit("train.batchsize is unknown"),
        KeyboardInterrupt(),
    ],
    ids=repr,
)
def test_other_errors_pass(error: BaseException, tmp_path: Path) -> None:
    with pytest.raises(type(error)) as raised, disk_errors_told([tmp_path], again=AGAIN):
        raise error
    assert raised.value is error


def test_a_file_of_another_user_names_both_and_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    error = PermissionError(errno.EACCES, "Permission denied", str(tmp_path))
    message = explain(error, [], again=AGAIN)
    assert f"it belongs to user {user} and this is user 4711" in str(message)
    assert f"`sudo chown -R 4711 {tmp_path}`" in str(message)


def refused_by_limit(path: Path, write: Callable[[Path, Any], None], value: Any) -> OSError:
    """Write with a limit of 1000 bytes for a file, as of `ulimit -f`; return the error."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="large") as raised:
            write(path, value)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    return raised.value


@pytest.mark.parametrize(("write", "value"), [(write_array, np.zeros(1000)), (write_text, "1" * 5000)])
def test_a_write_that_fails_names_the_file_and_leaves_the_one_before(
    tmp_path: Path, write: Callable[[Path, Any], None], value: Any
) -> None:
    path = tmp_path / "value"
    path.write_text("before")
    error = refused_by_limit(path, write, value)
    assert (error.errno, error.filename) == (errno.EFBIG, str(path))
    assert [entry.name for entry in tmp_path.iterdir()] == ["value"]
    assert path.read_text() == "before"


def test_a_copy_between_disks_is_atomic(tmp_path: Path) -> None:
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second disk")
    with tempfile.TemporaryDirectory(dir=shm) as other:
        source = Path(other) / "source"
        source.write_bytes(b"whole")
        copy_file(source, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"whole"


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    with folder_aside(folder) as aside:
        (aside / "a").write_text("1")

    def fail() -> None:
        with folder_aside(folder) as aside:
            (aside / "b").write_text("2")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        fail()
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["folder", "folder/a"]
    with folder_aside(folder) as aside:
        (aside / "b").write_text("2")
    assert [path.name for path in folder.iterdir()] == ["b"]
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
