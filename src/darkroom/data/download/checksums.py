"""Checksums of files."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Checksum:
    """The checksum that a file must have.

    Attributes:
        algorithm: `md5`, by which some data sets are published, or `sha256`.
        digest: lower-case hexadecimal.
    """

    algorithm: Literal["md5", "sha256"]
    digest: str

    def mismatch(self, path: Path) -> str | None:
        """Return how the file at `path` differs from the one expected; None if it has this checksum.

        Raises OSError.
        """
        found = file_digest(path, self.algorithm)
        if found == self.digest:
            return None
        size = path.stat().st_size
        return f"{size:,} bytes whose {self.algorithm} is {found}, not {self.digest}"


def file_digest(path: Path, algorithm: str) -> str:
    """Return the digest of a file's bytes in hexadecimal.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "empty"
    ...     path.touch()
    ...     file_digest(path, "md5")
    'd41d8cd98f00b204e9800998ecf8427e'
    """
    with path.open("rb") as file:
        # machines in FIPS mode allow md5 only where it is declared not to be used for security
        return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
