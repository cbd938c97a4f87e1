"""A scan that is killed at any moment goes on, and nothing that it half wrote is taken for whole."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from darkroom.data.scan.listing import write_listing
from darkroom.data.scan.scanning import Scan
from darkroom.data.sources import own
from darkroom.data.sources.raw import Raw
from darkroom.data.storage import folder as folder_storage
from darkroom.data.storage import open_storage
from tests.helpers.checkouts import PROJECT
from tests.helpers.own_images import colours, settings

IMAGES, CHUNK = 40, 16
IMAGE_BYTES = 16 * 16 * 3
# Scans as the stages do, and ends itself by SIGKILL: when so many bytes of a file of the store are written,
# or when a file of this name would appear.
KILLED = """
import os, signal, sys
from pathlib import Path
from darkroom.data.scan import examination
from darkroom.data.scan.pixels import PixelStore
from tests.data.scan import test_killed

class Cut:
    def __init__(self, file, left):
        self.file, self.left = file, left

    def write(self, data):
        data = bytes(data)
        self.file.write(data[: self.left])
        self.left -= len(data)
        if self.left <= 0:
            self.file.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    def __getattr__(self, name):
        return getattr(self.file, name)

place, where, left = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
examination.CHUNK, examination.KEEP_AFTER_S, examination.SHARE_OF_KEEPING = test_killed.CHUNK, 0.0, 1e9
start = PixelStore.__init__

def cut(self, *arguments, **named):
    start(self, *arguments, **named)
    if hasattr(self, where):
        setattr(self, where, Cut(getattr(self, where), left))

PixelStore.__init__ = cut
renamed = 0

def hook(event, arguments):
    global renamed
    if event == "os.rename" and Path(arguments[1]).name == where:
        renamed += 1
        if renamed > left:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
test_killed.scan_and_read(place)
"""


def scan_and_read(place: Path) -> tuple[Scan, Raw]:
    """Scan `place`/mine and read its images, as the stages `source`, `download` and `preprocess` do."""
    chosen = settings(source=str(place / "mine"))
    write_listing(place / "listing.parquet", open_storage(chosen.source, place).files())
    work, raw = place / "work", place / "raw"
    scanned = own.obtain(
        chosen,
        place / "listing.parquet",
        raw,
        similarity=0.97,
        mirror=False,
        root=place,
        work=work,
        workers=1,
    )
    return scanned, own.read(chosen, raw, root=place, work=work, workers=1)


def killed(place: Path, where: str, left: int) -> None:
    """Scan in a process that ends itself by SIGKILL."""
    path = os.pathsep.join((str(PROJECT / "src"), str(PROJECT)))
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(place), where, str(left)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Scan, Raw]:
    """Scan a folder that nothing interrupts."""
    place = tmp_path_factory.mktemp("whole")
    colours(place / "mine", count=IMAGES // 2)
    return place, *scan_and_read(place)


@pytest.mark.parametrize(
    ("where", "left", "kept"),
    [
        ("_pixels", IMAGE_BYTES * 5 // 2, 0),  # half an image
        ("_pixels", IMAGE_BYTES * (CHUNK + 3), CHUNK),  # whole images, but no hash that says so
        ("_hashes", 32 * CHUNK + 16, CHUNK),  # half a hash, in the second chunk
        ("facts.parquet", 0, 0),  # the pixels are there, and no facts
        ("facts.parquet", 1, CHUNK),
        ("manifest.parquet", 0, IMAGES),
        ("scan.json", 0, IMAGES),
        ("train.npy", 0, IMAGES),
    ],
)
def test_a_killed_scan_goes_on(
    whole: tuple[Path, Scan, Raw],
    where: str,
    left: int,
    kept: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place, expected, images = whole
    (tmp_path / "mine").symlink_to(place / "mine")
    killed(tmp_path, where, left)
    read: list[str] = []
    whole_read = folder_storage.Folder.read

    def counted(self: folder_storage.Folder, path: str) -> bytes:
        read.append(path)
        return whole_read(self, path)

    monkeypatch.setattr(folder_storage.Folder, "read", counted)
    found, again = scan_and_read(tmp_path)
    sampled = IMAGES  # whether all are grey is found out first, from a sample: here all
    assert len(read) - sampled == IMAGES - kept
    pd.testing.assert_frame_equal(
        found.manifest.drop(columns="version"), expected.manifest.drop(columns="version")
    )
    for split, other in ((again.train, images.train), (again.test, images.test)):
        assert np.array_equal(np.asarray(split.images), np.asarray(other.images))
        assert np.array_equal(split.labels, other.labels)
