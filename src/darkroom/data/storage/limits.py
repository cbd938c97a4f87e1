"""What an archive may hold: more is an attempt to fill the memory or the disk."""

from darkroom.data.storage.base import LARGEST, SourceError

MOST_FILES = 20_000_000
RATIO, ALWAYS_FINE = 250, 1 << 30  # unpacked bytes for each packed one; so many in all whatever the ratio


def check_size(place: str, *, packed: int, unpacked: int, files: int = 0) -> None:
    """Raise SourceError for an archive that claims, or has, more than an archive of images does."""
    if files > MOST_FILES:
        raise SourceError(f"{place} holds more than {MOST_FILES:,} files")
    if unpacked > ALWAYS_FINE and unpacked > RATIO * packed:
        raise SourceError(
            f"{place} has {packed:,} bytes, but would be {unpacked:,} unpacked, over {RATIO} times as many: "
            "it is not read, because it looks made to fill the memory. Unpack it yourself if you trust it"
        )


def problem_of(path: str, size: int) -> str:
    """Return why a member of an archive is not read; empty if it is fine.

    >>> problem_of("../../etc/passwd", 10), problem_of("cat/1.jpg", 10), problem_of("/cat/1.jpg", 10)
    ('its path leads out of the archive', '', 'its path leads out of the archive')
    """
    if path.startswith("/") or ".." in path.split("/") or path[1:3] == ":/":
        return "its path leads out of the archive"
    return f"it is larger than {LARGEST >> 20} MiB" if size > LARGEST else ""
