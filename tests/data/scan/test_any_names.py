"""Whatever people call their files: each is listed, read, labelled and accounted for once."""

import io
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from darkroom.data.annotations import Document
from darkroom.data.annotations.grid import read_grid
from darkroom.data.labels import read_labels
from darkroom.data.scan.listing import read_listing, write_listing
from darkroom.data.storage import open_storage
from tests.helpers.own_images import photo, settings, write_files
from tests.helpers.scans import scan_source

LONGEST = 255  # bytes of a name on most file systems
NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=60
).filter(lambda name: len(name.encode()) <= LONGEST - 4 and not name.startswith(".") and name.strip())
AWKWARD = [
    "quote'\".",
    "two\nlines",
    "comma,semi;",
    "🦊🧪",
    "#?%20&=",
    " blank ",
    "x" * 251,
    "é" * 125,
    "e\u0301",
    "tab\t|",
]
CHECKS = examples(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))


@CHECKS
@given(st.sets(NAMES, min_size=2, max_size=8))
@pytest.mark.integration  # takes seconds
def test_names_in_folders_archives_and_listings(names: set[str]) -> None:
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        files = {f"{label}/{name}.png": b"x" for name in names for label in ("a", "b")}
        write_files(root / "set", files)
        with zipfile.ZipFile(root / "set.zip", "w") as archive, tarfile.open(root / "set.tar", "w") as tar:
            for path, content in files.items():
                archive.writestr(path, content)
                member = tarfile.TarInfo(path)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        for source in ("set", "set.zip", "set.tar"):
            storage = open_storage(source, root)
            listed = list(storage.files())
            write_listing(root / "listing", listed)
            assert list(read_listing(root / "listing")) == listed
            if source != "set.zip":  # zip has / for \ in names from Windows
                assert sorted(file.path for file in listed) == sorted(files)
            found = read_labels(storage, listed, settings())
            accounted = [image.file.path for image in found.images] + [
                file.path for file, _ in found.left_out
            ]
            assert sorted(accounted) == sorted(file.path for file in listed)
            assert {storage.read(file.path) for file in listed} == {b"x"}


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


@CHECKS
@given(st.lists(NAMES, min_size=2, max_size=8, unique=True), st.sampled_from(",;\t|"))
def test_names_in_tables(names: list[str], separator: str) -> None:
    rows = [separator.join([quoted(f"{name}.png"), "cat"]) for name in names]
    document = Document("labels.csv", "\n".join([f"path{separator}label", *rows]).encode())
    grid = read_grid(document)
    assert grid is not None
    assert [cell for cell, _ in grid.rows] == [f"{name}.png".strip() for name in names]


def test_awkward_names_through_the_whole_scan(tmp_path: Path) -> None:
    files = {
        f"{label}/{name}.png": photo(50 * place + number, colour=2 * place)
        for place, label in enumerate(("cl'a\"ss\n1", "🐈 ünï"))
        for number, name in enumerate(AWKWARD)
    }
    found = scan_source(write_files(tmp_path / "set", files), tmp_path)
    assert len(found.used) == 2 * len(AWKWARD)
    assert set(found.used["path"]) == set(files)
    table = "path,label\n" + "".join(f"{quoted(path)},{quoted(path.partition('/')[0])}\n" for path in files)
    (tmp_path / "set" / "labels.csv").write_text(table, encoding="utf-8")
    by_table = scan_source(tmp_path / "set", tmp_path, table="labels.csv")
    assert set(by_table.used["path"]) == set(files)
    assert len(by_table.classes) == 2


MEMORY = """
import resource, sys
from pathlib import Path
from tests.helpers.scans import scan_source
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = scan_source(sys.argv[1], Path(sys.argv[2]), duplicates="drop", channels=1, side=8)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(len(found.used), (after - before) // 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_a_hundred_thousand_tiny_files_within_bounded_memory(tmp_path: Path, kind: str) -> None:
    import subprocess
    import sys

    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    with tarfile.open(tmp_path / "set.tar", "w") as tar:
        for number in range(100_000):
            file = io.BytesIO()
            Image.fromarray(random.integers(0, 256, (8, 8), dtype=np.uint8)).save(file, "PNG")
            path = f"{'red' if number % 2 else 'blue'}/{number}.png"
            if kind == "tar":
                member = tarfile.TarInfo(path)
                member.size = file.tell()
                tar.addfile(member, io.BytesIO(file.getvalue()))
            else:
                (tmp_path / "set" / path).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / "set" / path).write_bytes(file.getvalue())
    source = tmp_path / ("set.tar" if kind == "tar" else "set")
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(source), str(tmp_path)], capture_output=True, text=True, check=True
    )
    used, mebibytes = map(int, done.stdout.split())
    assert used > 99_000
    assert mebibytes < 1500
