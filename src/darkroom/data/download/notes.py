"""The note beside a downloaded file: a small JSON file on where its bytes came from."""

from collections.abc import Mapping
from pathlib import Path

from darkroom.files import read_json, write_json


def note_path(path: Path) -> Path:
    """Return the path of the note of the file at `path`.

    >>> note_path(Path("images.tar.gz.part")).name
    'images.tar.gz.part.json'
    """
    return path.with_name(f"{path.name}.json")


def write_note(path: Path, note: Mapping[str, str]) -> None:
    """Write the note of the file at `path`."""
    write_json(note_path(path), dict(note))


def read_note(path: Path) -> dict[str, str]:
    """Return the note of the file at `path`; empty where there is none that can be read."""
    try:
        note = read_json(note_path(path))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def discard(path: Path) -> None:
    """Remove the file at `path` and its note."""
    path.unlink(missing_ok=True)
    note_path(path).unlink(missing_ok=True)
