"""A folder on this machine as a source, with what lies in people's folders."""

import os
import socket
from pathlib import Path

import pytest

from darkroom.data.storage import SourceError, open_storage
from tests.helpers.own_images import write_files

AS_ROOT = os.geteuid() == 0


def test_files_are_listed_by_name_and_links_are_followed_once(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "mine", {"b/1.jpg": b"1", "a/2.jpg": b"22", "a/.hidden": b""})
    elsewhere = write_files(tmp_path / "elsewhere", {"3.jpg": b"333"})
    (folder / "c").symlink_to(elsewhere)
    (folder / "a" / "loop").symlink_to(folder)
    (folder / "gone.jpg").symlink_to(tmp_path / "nothing")
    server = socket.socket(socket.AF_UNIX)
    os.chdir(folder)  # a socket's path may not be long
    server.bind("socket.jpg")
    storage = open_storage("mine", tmp_path)
    files = {file.path: file for file in storage.files()}
    server.close()
    assert list(files) == ["a/.hidden", "a/2.jpg", "b/1.jpg", "c/3.jpg", "gone.jpg"]
    assert files["c/3.jpg"].size == 3
    assert storage.read("c/3.jpg") == b"333"
    assert files["gone.jpg"].problem.startswith("cannot be read")


def test_a_changed_file_has_another_version(tmp_path: Path) -> None:
    folder = write_files(tmp_path, {"a.jpg": b"1", "b.jpg": b"1"})
    before = list(open_storage(str(folder), Path("/")).files())
    os.utime(folder / "a.jpg", ns=(1, 1))
    after = list(open_storage(str(folder), Path("/")).files())
    assert [one.version == other.version for one, other in zip(before, after, strict=True)] == [False, True]


@pytest.mark.skipif(AS_ROOT, reason="root may read everything")
def test_a_folder_that_may_not_be_read(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "mine", {"a/1.jpg": b"1", "b/1.jpg": b"1"})
    (folder / "a").chmod(0)
    files = list(open_storage(str(folder), Path("/")).files())
    (folder / "a").chmod(0o700)
    assert [(file.path, bool(file.problem)) for file in files] == [("a", True), ("b/1.jpg", False)]


def test_names_that_are_not_unicode(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9\n.jpg")).write_bytes(b"1")
    storage = open_storage(str(tmp_path), Path("/"))
    (file,) = storage.files()
    assert storage.read(file.path) == b"1"


def test_no_such_source(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match=r"'photos': there is neither a folder nor a file.*darkroom data use"
    ):
        open_storage("photos", tmp_path)
