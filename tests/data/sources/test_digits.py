"""The digits of scikit-learn."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from darkroom.data.sources.digits import read as read_digits
from tests.helpers.training import digits


def test_digits_are_dark_ink_on_light_paper() -> None:
    raw = digits()
    everything = np.concatenate([raw.train.images, raw.test.images])
    assert everything.shape == (1797, 8, 8, 1)
    assert everything.dtype == np.uint8
    assert (everything.min(), everything.max()) == (0, 255)
    # the corners of a digit are paper; of a zero the middle is too, of a one it is ink
    assert everything[:, 0, 0].mean() > 250
    train = raw.train
    assert train.images[train.labels == 1][:, 3:5, 3:5].mean() < 60
    assert train.images[train.labels == 0][:, 3:5, 3:5].mean() > 180
    assert raw.classes == tuple("0123456789")
    assert len(raw.test) == 360
    assert np.bincount(raw.test.labels).min() >= 34


def test_a_table_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "digits.csv.gz"
    for table in (np.zeros((3, 64)), np.full((3, 65), 17.0), np.full((3, 65), -1.0)):
        with gzip.open(path, "wt") as file:
            np.savetxt(file, table, delimiter=",")
        with pytest.raises(ValueError, match=r"digits\.csv\.gz holds a table"):
            read_digits(tmp_path)
