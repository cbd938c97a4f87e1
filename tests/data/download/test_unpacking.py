"""Unpacking: everything that is expected, and nothing else."""

import tarfile
from pathlib import Path

import pytest

from darkroom.data.download.errors import DownloadError
from darkroom.data.download.unpacking import unpack
from tests.helpers.downloads import BODY, HALF, leftovers, pack

MEMBERS = {"one.bin": 5, "two.bin": 5, "names.txt": None}
GOOD = {"f/one.bin": b"11111", "f/two.bin": b"22222", "f/names.txt": b"cat dog"}


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def test_the_members_are_unpacked_flat_and_replace_the_folder(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.tar.gz", {**GOOD, "f/readme.html": b"<p>"}, special("f", tarfile.DIRTYPE))
    raw = tmp_path / "data" / "raw"
    raw.mkdir(parents=True)
    (raw / "old.bin").write_bytes(b"old")
    unpack(archive, raw, folder="f", members=MEMBERS)
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == {
        name.removeprefix("f/"): content for name, content in GOOD.items()
    }
    assert leftovers(raw.parent) == ["raw"]


@pytest.mark.parametrize(
    ("files", "extra", "message"),
    [
        ({**GOOD, "f/../../evil": b""}, [], "'f/../../evil' (a file): expected each of one.bin, two.bin"),
        ({**GOOD, "../evil": b""}, [], "'../evil'"),
        ({**GOOD, "/tmp/evil": b""}, [], "'/tmp/evil'"),
        ({**GOOD, "f/more.bin": b""}, [], "'f/more.bin'"),
        ({**GOOD, "one.bin": b"11111"}, [], "'one.bin'"),
        ({"f/one.bin": b"11111", "f/./two.bin": b"22222"}, [], "'f/./two.bin'"),
        (GOOD, [special("f/one.bin", tarfile.REGTYPE)], "'f/one.bin' (a file): expected each"),
        (GOOD, [special("f/dir", tarfile.DIRTYPE)], "'f/dir' (a folder)"),
        (GOOD, [special("f/pipe", tarfile.FIFOTYPE)], "(neither file nor folder)"),
        ({}, [special("f/one.bin", tarfile.SYMTYPE, "/etc/passwd")], "(a link to '/etc/passwd')"),
        ({}, [special("f/one.bin", tarfile.LNKTYPE, "f/two.bin")], "(a link to 'f/two.bin')"),
        ({}, [special("f", tarfile.SYMTYPE, "/tmp")], "(a link to '/tmp')"),
        ({"f/one.bin": b"11111"}, [], "lacks f/two.bin, f/names.txt"),
        ({**GOOD, "f/two.bin": b"2222"}, [], "two.bin has 4 bytes; expected 5"),
        ({**GOOD, "f/names.txt": bytes(5000)}, [], "names.txt has 5,000 bytes; expected at most 4,096"),
    ],
)
def test_an_unexpected_archive_is_refused_and_the_folder_stays(
    tmp_path: Path, files: dict[str, bytes], extra: list[tarfile.TarInfo], message: str
) -> None:
    archive = pack(tmp_path / "a.tar.gz", files, *extra)
    raw = tmp_path / "data" / "raw"
    raw.mkdir(parents=True)
    (raw / "old.bin").write_bytes(b"old")
    with pytest.raises(DownloadError) as caught:
        unpack(archive, raw, folder="f", members=MEMBERS)
    assert message in str(caught.value)
    assert leftovers(raw) == ["old.bin"]
    assert leftovers(raw.parent) == ["raw"]
    assert leftovers(tmp_path) == ["a.tar.gz", "data"]


@pytest.mark.parametrize("damage", ["cut", "garbled", "text"])
def test_a_damaged_archive_is_refused(tmp_path: Path, damage: str) -> None:
    archive = pack(tmp_path / "a.tar.gz", {**GOOD, "f/readme.html": BODY})
    content = archive.read_bytes()
    garbled = content[:30] + bytes([255] * 30) + content[60:]
    archive.write_bytes({"cut": content[:HALF], "garbled": garbled, "text": b"<html>"}[damage])
    with pytest.raises(DownloadError, match=r"is not a whole \.tar\.gz archive"):
        unpack(archive, tmp_path / "raw", folder="f", members=MEMBERS)
    assert leftovers(tmp_path) == ["a.tar.gz"]
