"""The scan of a folder of images: what is used, in which split, and what is left out and why."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from darkroom.data.scan.listing import read_listing, write_listing
from darkroom.data.scan.pixels import PixelStore
from darkroom.data.scan.scanning import Scan, scan
from darkroom.data.storage import SourceError, open_storage
from darkroom.images.decoding import decode
from darkroom.images.resizing import FITS, Fit, to_model_input
from tests.helpers.own_images import colours, photo, settings, write_files


def scanned(folder: Path, work: Path, **changes: object) -> Scan:
    """Scan a folder."""
    storage = open_storage(str(folder), Path("/"))
    files = list(storage.files())
    return scan(storage, files, settings(**changes), similarity=0.97, mirror=False, work=work, workers=2)


def reasons(found: Scan) -> dict[str, str]:
    return dict(zip(found.left_out["path"], found.left_out["reason"], strict=True))


def test_what_is_wrong_is_left_out_with_its_reason(tmp_path: Path) -> None:
    folder = colours(tmp_path / "mine")
    good = photo(1, kind="JPEG")
    write_files(
        folder,
        {
            "red/empty.jpg": b"",
            "red/half.jpg": good[:-40],
            "red/page.jpg": b"<html>not found</html>",
            "red/notes.txt": b"text",
            "red/.DS_Store": b"\0",
            "red/both.png": photo(7),
            "blue/both.png": photo(7),
            "green/only.png": photo(8),
            "stray.png": photo(9),
            "red/suffix.jpg": photo(10, kind="PNG"),
        },
    )
    (folder / "red/gone.jpg").symlink_to(folder / "nothing")
    found = scanned(folder, tmp_path / "work")
    left_out = reasons(found)
    assert "empty" in left_out.pop("red/empty.jpg")
    assert "truncated" in left_out.pop("red/half.jpg")
    assert left_out.pop("red/page.jpg")
    assert "cannot be read" in left_out.pop("red/gone.jpg")
    assert left_out.pop("red/both.png") == left_out.pop("blue/both.png")
    assert "fewer than data.smallest_class=2" in left_out.pop("green/only.png")
    assert left_out == {
        "red/notes.txt": "its name does not end as that of an image",
        "red/.DS_Store": "hidden",
        "stray.png": "not in the folder of a class",
    }
    assert found.classes == ("blue", "red")
    assert "red/suffix.jpg" in set(found.used["path"])  # a PNG, whatever its name says
    assert len(found.used) == 61
    assert "The class green was left out" in "\n".join(found.notes)
    assert sum(found.summary()["splits"].values()) == 61


@pytest.mark.parametrize("fit", FITS)
def test_the_pixels_are_those_that_a_request_gets(fit: Fit, tmp_path: Path) -> None:
    folder = colours(tmp_path / "mine", count=4)
    found = scanned(folder, tmp_path / "work", side=[14, 10], fit=fit)
    with PixelStore(tmp_path / "work" / "pixels", found.shape, fit=fit) as store:
        images = store.rows(found.used["sha256"])
        assert images.shape == (8, 14, 10, 3)
        for path, pixels in zip(found.used["path"], images[0:8], strict=True):
            image = decode((folder / path).read_bytes())
            assert np.array_equal(pixels, to_model_input(image, height=14, width=10, channels=3, fit=fit))


def test_grey_images_are_found(tmp_path: Path) -> None:
    from PIL import Image

    folder = colours(tmp_path / "mine", count=6)
    for path in folder.rglob("*.png"):
        Image.open(path).convert("L").save(path)
    assert scanned(folder, tmp_path / "work").shape == (16, 16, 1)
    assert scanned(folder, tmp_path / "work", channels=3).shape == (16, 16, 3)


def test_a_second_scan_reads_only_what_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = colours(tmp_path / "mine")
    before = scanned(folder, tmp_path / "work")
    colours(folder, count=2, start=500, prefix="")  # the first two of each class are others now
    (folder / "red/29.png").unlink()
    read: list[str] = []
    storage = open_storage(str(folder), Path("/"))
    original = storage.read

    def reading(path: str) -> bytes:
        read.append(path)
        return original(path)

    monkeypatch.setattr(storage, "read", reading)
    files = list(storage.files())
    after = scan(
        storage, files, settings(channels=3), similarity=0.97, mirror=False, work=tmp_path / "work", workers=2
    )
    assert sorted(read) == ["blue/0.png", "blue/1.png", "red/0.png", "red/1.png"]
    assert len(after.used) == len(before.used) - 1


def test_an_image_stays_in_its_split_when_others_come_and_go(tmp_path: Path) -> None:
    folder = colours(tmp_path / "mine", count=60)
    before = scanned(folder, tmp_path / "work").used.set_index("sha256")["split"]
    write_files(folder, {f"red/more{number}.png": photo(number + 300, colour=0) for number in range(40)})
    for path in sorted((folder / "red").iterdir())[:15]:
        path.unlink()
    (folder / "blue/5.png").rename(folder / "blue/renamed.png")
    after = scanned(folder, tmp_path / "work").used.set_index("sha256")["split"]
    both = before.index.intersection(after.index)
    assert len(both) > 50
    assert (before[both] == after[both]).all()


def test_copies_and_groups_never_cross_splits(tmp_path: Path) -> None:
    folder = colours(tmp_path / "mine", count=40)
    for number in range(40):  # a copy in another format and size, and an equal one
        write_files(
            folder,
            {
                f"red/copy{number}.jpg": photo(number, colour=0, size=(48, 40), kind="PNG"),
                f"red/same{number}.png": photo(number, colour=0),
            },
        )
    found = scanned(folder, tmp_path / "work")
    by_photo = found.used[found.used["label"] == "red"].assign(
        number=lambda rows: rows["path"].str.extract(r"(\d+)\.", expand=False)
    )
    assert (by_photo.groupby("number")["split"].nunique() == 1).all()
    assert found.used["split"].nunique() == 3
    assert "equal or nearly equal" in "\n".join(found.notes)
    dropped = scanned(folder, tmp_path / "work", duplicates="drop")
    assert len(dropped.used) == len(found.used) - 40


def grouped(folder: Path, groups: dict[str, list[int]]) -> Path:
    """Write a red and a blue image of each photo's number, and a table with the group of each."""
    rows, number = ["file_name,label,group"], 0
    for group, photos in groups.items():
        for seed in photos:
            for channel, label in ((0, "red"), (2, "blue")):
                path = f"{label}/{number}.png"
                write_files(folder, {path: photo(1000 * channel + seed, colour=channel)})
                rows.append(f"{path},{label},{group}")
                number += 1
    (folder / "images.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_groups_that_share_copies_are_one_unit(tmp_path: Path) -> None:
    folder = grouped(tmp_path / "mine", {f"g{n}": [3 * n, 3 * n + 1, 3 * (n - n % 2) + 2] for n in range(24)})
    found = scanned(folder, tmp_path / "work", group="group")
    assert found.used.groupby("group")["split"].nunique().max() == 1
    assert found.used.groupby("sha256")["split"].nunique().max() == 1
    assert len(found.used) == 24 * 3 * 2
    assert found.used["unit"].nunique() == 12


def test_copies_that_would_chain_most_groups_are_left_out_instead(tmp_path: Path) -> None:
    folder = grouped(tmp_path / "mine", {f"g{n}": [3 * n, 3 * n + 1, 3 * (n + 1)] for n in range(40)})
    found = scanned(folder, tmp_path / "work", group="group")
    assert found.used.groupby("group")["split"].nunique().max() == 1
    assert found.used.groupby("sha256")["split"].nunique().max() == 1  # every copy that crossed is gone
    counts = found.used["split"].value_counts() / len(found.used)
    assert 0.1 < counts["test"] < 0.35
    assert found.used["unit"].nunique() == 40
    left_out = found.left_out[found.left_out["reason"].str.contains("of another group")]
    assert 0 < len(left_out) < 60
    assert "Copies link groups" in "\n".join(found.notes)
    assert f"Left out because a copy is in another split: {len(left_out)} images." in "\n".join(found.notes)


def test_a_split_far_from_its_share_is_told(tmp_path: Path) -> None:
    folder = grouped(tmp_path / "mine", {f"g{n}": list(range(20 * n, 20 * n + 20)) for n in range(4)})
    notes = "\n".join(scanned(folder, tmp_path / "work", group="group", test_fraction=0.01).notes)
    assert "where 1% were asked for: only 4 units of images can be drawn" in notes


def test_given_splits_are_kept(tmp_path: Path) -> None:
    folder = colours(tmp_path / "mine", prefix="train/")
    colours(folder, count=5, start=100, prefix="test/")
    found = scanned(folder, tmp_path / "work").used
    assert (found["split"][found["path"].str.startswith("test/")] == "test").all()
    assert set(found["split"][found["path"].str.startswith("train/")]) == {"train", "validation"}


def test_many_damaged_images_are_an_error(tmp_path: Path) -> None:
    folder = colours(tmp_path / "mine", count=5)
    write_files(folder, {f"red/bad{number}.jpg": b"x" for number in range(5)})
    with pytest.raises(SourceError, match=r"5 of 15 images cannot be read.*unreadable_share=0.1"):
        scanned(folder, tmp_path / "work", unreadable_share=0.1)


def test_one_class_is_an_error(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "mine", {f"cat/{number}.png": photo(number) for number in range(9)})
    with pytest.raises(SourceError, match=r"1 class \(cat\); at least 2"):
        scanned(folder, tmp_path / "work")


def test_a_store_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), dtype=np.uint8)
    names = [f"{number:064x}" for number in range(3)]
    with PixelStore(tmp_path, (4, 4, 3)) as store:
        store.add(dict(zip(names, images, strict=True)))
    with (tmp_path / "4x4x3-crop.hashes").open("r+b") as file:
        file.truncate(32 * 2 + 5)  # killed while it wrote the third
    with PixelStore(tmp_path, (4, 4, 3)) as store:
        assert list(store.places) == names[:2]
        store.add({names[2]: images[0]})
        assert np.array_equal(store.rows(names)[0:3], images[[0, 1, 0]])


def test_a_listing_is_equal_for_equal_files(tmp_path: Path) -> None:
    folder = colours(tmp_path / "mine", count=3)
    (folder / "red" / os.fsdecode(b"caf\xe9.png")).write_bytes(photo(1))
    storage = open_storage(str(folder), Path("/"))
    for name in ("one", "two"):
        assert write_listing(tmp_path / name, storage.files()) == 7
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert list(read_listing(tmp_path / "one")) == list(storage.files())


def test_the_manifest_has_a_row_for_every_file(tmp_path: Path) -> None:
    folder = write_files(colours(tmp_path / "mine", count=4), {"note.txt": b"x"})
    manifest = scanned(folder, tmp_path / "work").manifest
    assert len(manifest) == 9
    assert list(manifest["path"]) == sorted(manifest["path"])
    assert pd.notna(manifest).all().all()
