"""Which tests pytest-xdist runs in one process: those of a file, and all that read the run on the digits.

`--dist loadgroup` would do the same by marks, but with pytest 9.2 it distributes every test alone
(github.com/pytest-dev/pytest-xdist/issues/1386).
"""

from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

PROJECT = Path(__file__).resolve().parents[2]
SHARED = "digits_run"  # the fixture that is expensive


@cache
def group_of(file: str) -> str:
    """Return the group of a test file, given by its path from the project's root."""
    text = (PROJECT / file).read_text(encoding="utf-8")
    return SHARED if f"{SHARED}: " in text else file


class GroupedByFile(LoadScopeScheduling):  # type: ignore[misc]  # it ships no types
    """Sends the tests of a group to one process, one group after the other."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid.partition("::")[0])
