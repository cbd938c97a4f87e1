"""The images that `benchmarks.data` loads: made photographs, or an archive that is unpacked.

Both become `train`, `val` and `test`, each with a folder a class. The other loaders read `train`. Ours reads
all three, as it does with people's images: two of a hundred images validate and two test.
"""

import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WIDTH, HEIGHT, QUALITY = 500, 375, 90
CLASSES = 10  # of made images
HELD_OUT = 50  # one of so many images of a class validates, and the next one tests
LEAST_HELD_OUT = 2
JPEGS = (".jpg", ".jpeg")


def make(folder: Path, count: int, *, workers: int) -> None:
    """Write `count` made photographs below `folder`, and those that validate and test, in threads."""
    held_out = CLASSES * max(LEAST_HELD_OUT, count // (CLASSES * HELD_OUT))
    parts = {"train": count, "val": held_out, "test": held_out}
    jobs = [(part, number) for part, total in parts.items() for number in range(total)]
    for part in parts:
        for label in range(CLASSES):
            (folder / part / f"class{label}").mkdir(parents=True, exist_ok=True)

    def write(seed: int) -> None:
        part, number = jobs[seed]
        path = folder / part / f"class{number % CLASSES}" / f"{number:06d}.jpg"
        path.write_bytes(photograph(seed))

    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(write, range(len(jobs))):
            pass


def photograph(seed: int) -> bytes:
    """Return a JPEG of 500x375 pixels, 40 to 60 kB as photographs have: forms, edges and fine grain."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    forms = np.asarray(Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), np.int16)
    top, left = random.integers(0, HEIGHT), random.integers(0, WIDTH)
    pixels = forms + grain()[top : top + HEIGHT, left : left + WIDTH]
    file = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


@lru_cache(maxsize=1)
def grain() -> NDArray[np.int16]:
    """Return grain and edges, int16 [750,1000,1], of which each image gets another part."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[0 : 2 * HEIGHT, 0 : 2 * WIDTH]
    edges = 25 * (np.sin(x / 17 + np.sin(y / 29)) > 0.3)
    noise = random.normal(0, 5, (2 * HEIGHT, 2 * WIDTH))
    result: NDArray[np.int16] = (edges + noise).astype(np.int16)[..., None]
    return result


def unpack(archive: Path, folder: Path, *, most: int) -> None:
    """Write the JPEGs of a zip archive with a folder a class below `folder`, `most` at most.

    Where there are more, those of each class that are left out are spread over it.
    """
    with zipfile.ZipFile(archive) as file:
        members = [name for name in sorted(file.namelist()) if name.lower().endswith(JPEGS)]
        step = max(1, -(-len(members) // most))
        counts: dict[str, int] = {}
        for name in members[::step]:
            label = PurePosixPath(name).parent.name
            number = counts[label] = counts.get(label, -1) + 1
            part = {1: "val", 2: "test"}.get(number % HELD_OUT, "train")
            path = folder / part / label / PurePosixPath(name).name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.read(name))
