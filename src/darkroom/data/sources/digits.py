"""scikit-learn's digits (Alpaydin & Kaynak 1998), which ship inside the package."""

import gzip
import shutil
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from darkroom.data.download.fetching import Fetched, describe
from darkroom.data.sources.raw import Raw
from darkroom.data.splits import Split
from darkroom.files import folder_aside

FILE = "digits.csv.gz"
SHA256 = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"  # in scikit-learn 1.9
TEST_FRACTION = 0.2
TEST_SEED = 0  # not params.seed: the test set stays the same whatever is tried


def obtain(*, raw: Path, downloads: Path, mirror: str | None = None) -> dict[str, Any]:
    """Copy the digits out of the installed scikit-learn into `raw`; nothing is downloaded."""
    with resources.as_file(resources.files("sklearn.datasets.data") / FILE) as path:
        with folder_aside(raw) as aside:
            shutil.copyfile(path, aside / FILE)
        used = describe("digits", Fetched(path, f"scikit-learn {version('scikit-learn')}: {FILE}"))
    return {**used, "official": used["sha256"] == SHA256}


def read(folder: Path) -> Raw:
    """Read scikit-learn's digits: 8x8 pixels, grey, 0 (paper) to 16 (ink), and inverted here.

    So the ink is dark and the paper light, as in a photograph of a written digit. Raises ValueError for a
    table of another shape or range.
    """
    path = folder / FILE
    with gzip.open(path, "rt") as file:
        table = np.loadtxt(file, delimiter=",")
    if table.ndim != 2 or table.shape[1] != 65 or table[:, :64].min() < 0 or table[:, :64].max() > 16:
        raise ValueError(f"{path} holds a table {table.shape}, not 64 values of 0 to 16 and a label a row")
    images = np.clip(255 - 16 * table[:, :64], 0, 255).astype(np.uint8).reshape(-1, 8, 8, 1)
    labels = table[:, 64].astype(np.int64)
    from sklearn.model_selection import train_test_split  # takes a second to import; few runs read the digits

    train, test = train_test_split(
        np.arange(len(labels)), test_size=TEST_FRACTION, random_state=TEST_SEED, stratify=labels
    )
    train, test = np.sort(train), np.sort(test)
    return Raw(
        Split(images[train], labels[train]),
        Split(images[test], labels[test]),
        tuple(str(digit) for digit in range(10)),
    )
