"""Archives as sources: read where they are, whole or not at all, and no harm from what they hold."""

import io
import stat
import struct
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from darkroom.data.storage import SourceError, open_storage
from tests.helpers.own_images import colours, photo
from tests.helpers.scans import reasons, scan_source


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files below a folder by their paths."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pack(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write an archive of the kind that its suffix says."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    kind = path.suffix.removeprefix(".").removeprefix("t").replace("ar", "")
    with tarfile.open(path, f"w:{kind}" if kind in ("gz", "bz2", "xz") else "w") as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("name", ["set.zip", "set.tar", "set.tar.gz", "set.tgz", "set.tar.bz2", "set.tar.xz"])
def test_an_archive_is_scanned_as_its_folder_is(tmp_path: Path, name: str) -> None:
    folder = colours(tmp_path / "set", count=8, prefix="photos/")
    archive = pack(tmp_path / name, contents(folder))
    expected = scan_source(folder, tmp_path)
    found = scan_source(archive, tmp_path)
    columns = ["path", "label", "split", "sha256"]
    assert found.used[columns].equals(expected.used[columns])
    assert len(found.used) == 16
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == sorted(
        ["set", "work", *([".downloads"] if ".tar." in name or name.endswith("gz") else [])]
    )


def test_zstandard(tmp_path: Path) -> None:
    import pyarrow as pa

    plain = pack(tmp_path / "set.tar", contents(colours(tmp_path / "set", count=3)))
    with pa.CompressedOutputStream(str(tmp_path / "set.tar.zst"), "zstd") as file:
        file.write(plain.read_bytes())
    assert len(scan_source(tmp_path / "set.tar.zst", tmp_path).used) == 6


@pytest.mark.parametrize("name", ["set.zip", "set.tar", "set.tar.gz", "set.tar.xz"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6])
def test_half_an_archive_is_an_error(tmp_path: Path, name: str, share: float) -> None:
    archive = pack(tmp_path / name, contents(colours(tmp_path / "set", count=8)))
    content = archive.read_bytes()
    archive.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(SourceError, match=r"is not a whole .*archive"):
        list(open_storage(str(archive), tmp_path).files())
    if (tmp_path / ".downloads").exists():
        assert list((tmp_path / ".downloads").iterdir()) == []


def test_a_tar_that_was_cut_between_two_files_is_an_error(tmp_path: Path) -> None:
    archive = pack(tmp_path / "set.tar", contents(colours(tmp_path / "set", count=3)))
    with tarfile.open(archive) as tar:
        last = tar.getmembers()[-1]
    archive.write_bytes(archive.read_bytes()[: last.offset])
    with pytest.raises(SourceError, match="its end is missing"):
        list(open_storage(str(archive), tmp_path).files())


def test_a_damaged_member_is_left_out(tmp_path: Path) -> None:
    archive = pack(tmp_path / "set.zip", contents(colours(tmp_path / "set", count=5)))
    content = bytearray(archive.read_bytes())
    with zipfile.ZipFile(archive) as opened:
        start = opened.getinfo("red/3.png").header_offset
    content[start + 80 : start + 90] = bytes(10)
    archive.write_bytes(content)
    found = scan_source(archive, tmp_path)
    assert "damaged" in reasons(found)["red/3.png"]
    assert len(found.used) == 9


def test_links_and_paths_that_lead_out_are_left_out(tmp_path: Path) -> None:
    files = contents(colours(tmp_path / "set", count=3))
    archive = pack(tmp_path / "set.zip", files)
    with zipfile.ZipFile(archive, "a") as opened:
        link = zipfile.ZipInfo("red/link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(link, "/etc/passwd")
        opened.writestr("../red/out.png", photo(1))
    found = reasons(scan_source(archive, tmp_path))
    assert found == {"red/link.png": "it is a link", "../red/out.png": "its path leads out of the archive"}
    other = pack(tmp_path / "set.tar", {**files, "../red/out.png": photo(1), "/red/top.png": photo(2)})
    with tarfile.open(other, "a") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            member = tarfile.TarInfo(f"red/link{kind.decode()}.png")
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
    found = reasons(scan_source(other, tmp_path))
    assert set(found.values()) == {"it is a link", "its path leads out of the archive"}
    assert len(found) == 4


def test_bombs_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"red/{number}.png", bytes(1 << 20))
    content = bytearray((tmp_path / "bomb.zip").read_bytes())
    at = content.find(b"PK\x01\x02")
    while at >= 0:  # the directory claims 1 GiB for each
        content[at + 24 : at + 28] = struct.pack("<I", 1 << 30)
        at = content.find(b"PK\x01\x02", at + 1)
    (tmp_path / "bomb.zip").write_bytes(content)
    with pytest.raises(SourceError, match=r"bomb.zip has .* but would be 3,221,225,472 unpacked"):
        list(open_storage("bomb.zip", tmp_path).files())


def test_a_compressed_bomb_is_refused_before_it_fills_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("darkroom.data.storage.limits.ALWAYS_FINE", 1 << 20)
    pack(tmp_path / "bomb.tar.xz", {"red/1.png": bytes(1 << 23)})
    with pytest.raises(SourceError, match=r"bomb.tar.xz has .* bytes, but would be"):
        list(open_storage("bomb.tar.xz", tmp_path).files())
    assert list((tmp_path / ".downloads").iterdir()) == []


def test_a_file_that_is_huge_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darkroom.data.storage.limits.LARGEST", 5 << 20)
    files = {**contents(colours(tmp_path / "set", count=3)), "red/huge.png": bytes((5 << 20) + 1)}
    for name in ("set.tar", "set.zip"):
        found = reasons(scan_source(pack(tmp_path / name, files), tmp_path))
        assert found["red/huge.png"] == "it is larger than 5 MiB"


def test_an_encrypted_member_is_named(tmp_path: Path) -> None:
    archive = pack(tmp_path / "set.zip", contents(colours(tmp_path / "set", count=3)))
    content = bytearray(archive.read_bytes())
    at = content.find(b"PK\x01\x02")
    content[at + 8] |= 1
    archive.write_bytes(content)
    assert "encrypted" in "".join(reasons(scan_source(archive, tmp_path)).values())


def test_names_in_zips_of_other_systems(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for number, name in enumerate(("Füchse", "Bären", "Füchse", "Bären")):
            info = zipfile.ZipInfo(f"set\\{name}\\{number}.png")
            archive.writestr(info, photo(number))
    content = (tmp_path / "set.zip").read_bytes()
    flags = bytearray(content)  # macOS writes UTF-8, and does not set the flag that says so
    for mark, place in ((b"PK\x01\x02", 9), (b"PK\x03\x04", 7)):
        at = content.find(mark)
        while at >= 0:
            flags[at + place] &= ~0x08 & 0xFF
            at = content.find(mark, at + 1)
    (tmp_path / "set.zip").write_bytes(flags)
    assert scan_source("set.zip", tmp_path).classes == ("Bären", "Füchse")


def test_an_unchanged_archive_is_not_read_again_and_a_new_one_is(tmp_path: Path) -> None:
    folder = colours(tmp_path / "set", count=4)
    archive = pack(tmp_path / "set.zip", contents(folder))
    scan_source(archive, tmp_path)
    before = {file.path: file.version for file in open_storage(str(archive), tmp_path).files()}
    (folder / "red/0.png").write_bytes(photo(99))
    pack(archive, contents(folder))
    after = {file.path: file.version for file in open_storage(str(archive), tmp_path).files()}
    assert [path for path in before if before[path] != after[path]] == ["red/0.png"]


def test_zips_of_classes_and_of_parts(tmp_path: Path) -> None:
    folder = colours(tmp_path / "set", count=4)
    (tmp_path / "machine").mkdir()
    (tmp_path / "contest").mkdir()
    for name in ("red", "blue"):
        pack(tmp_path / "machine" / f"{name}-samples.zip", contents(folder / name))
    assert scan_source(tmp_path / "machine", tmp_path).classes == ("blue", "red")
    images = {
        f"{name}{path.stem}.png": path.read_bytes()
        for name in ("red", "blue")
        for path in (folder / name).iterdir()
    }
    pack(tmp_path / "contest" / "train.zip", images)
    table = "id,colour\n" + "".join(f"{Path(name).stem},{name.rstrip('.png0123456789')}\n" for name in images)
    (tmp_path / "contest" / "train.csv").write_text(table)
    found = scan_source(tmp_path / "contest", tmp_path)
    assert found.classes == ("blue", "red")
    assert len(found.used) == 8


def test_an_archive_beside_images_is_a_copy_of_them(tmp_path: Path) -> None:
    folder = colours(tmp_path / "set", count=4)
    pack(folder / "backup.zip", contents(folder))
    found = scan_source(folder, tmp_path)
    assert len(found.used) == 8
    assert reasons(found) == {"backup.zip": "its name does not end as that of an image"}


def test_shards_beside_a_few_images_are_read(tmp_path: Path) -> None:
    folder = colours(tmp_path / "set", count=12)
    (tmp_path / "mine").mkdir()
    pack(tmp_path / "mine" / "photos.zip", contents(folder))
    (tmp_path / "mine" / "logo.png").write_bytes(photo(5))
    found = scan_source(tmp_path / "mine", tmp_path)
    assert len(found.used) == 24
    assert reasons(found) == {"logo.png": "not in the folder of a class"}


def test_a_file_that_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "set.7z").write_bytes(b"7z")
    with pytest.raises(SourceError, match=r"a file of no kind that is known.*unpack another archive"):
        open_storage("set.7z", tmp_path)
