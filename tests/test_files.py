"""Files are written atomically, and identified by hashes."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from darkroom.files import (
    atomic_write,
    read_json,
    sha256_file,
    sha256_files,
    write_array,
    write_json,
    write_text,
)


def test_a_file_appears_only_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "made" / "too" / "note"
    with atomic_write(path) as file:
        file.write(b"half")
        file.flush()
        assert not path.exists()
        file.write(b" and half")
    assert path.read_bytes() == b"half and half"
    assert path.stat().st_mode & 0o444 == 0o444  # a temporary file is readable by its owner alone
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_keeps_the_previous_file(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "note"
    write_text(path, "before")

    def fail() -> None:
        with atomic_write(path) as file:
            file.write(b"after")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_json_keeps_its_values_and_refuses_nan(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    value = {"names": ["Übung", "犬"], "share": 0.1, "none": None}
    write_json(path, value)
    assert read_json(path) == value
    assert "犬" in path.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="nan"):
        write_json(path, {"loss": float("nan")})
    assert read_json(path) == value


def test_an_array_that_needs_pickle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "array.npy"
    with pytest.raises(ValueError, match="allow_pickle"):
        write_array(path, np.array([{}], dtype=object))
    assert list(tmp_path.iterdir()) == []
    write_array(path, np.arange(3))
    np.testing.assert_array_equal(np.load(path, allow_pickle=False), [0, 1, 2])


def test_hashes(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"1")
    two.write_bytes(b"2")
    assert sha256_file(one) == hashlib.sha256(b"1").hexdigest()
    both = sha256_files([one, two], tmp_path)
    assert sha256_files([two, one], tmp_path) == both
    one.write_bytes(b"2")
    two.write_bytes(b"1")
    assert sha256_files([one, two], tmp_path) != both, "which file holds what must matter"
