"""Which tests pytest-xdist runs in one process: those of a file, and all that share something expensive.

That is the run on the digits, the browser with the services behind the page, served Bentos, or exported nets.

`--dist loadgroup` would do the same by marks, but with pytest 9.2 it distributes every test alone
(github.com/pytest-dev/pytest-xdist/issues/1386).
"""

from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

PROJECT = Path(__file__).resolve().parents[2]
SHARED = "digits_run"  # the fixture that is expensive
# whose tests share services, or exported nets
FOLDERS = ("tests/page/", "tests/serving/process/", "tests/models/exporting/")
# the longest groups, which would be waited for if they came last
FIRST = (
    SHARED,
    *FOLDERS,
    "tests/registry/test_servers.py",
    "tests/tuning/test_workers_elsewhere.py",
    "tests/training/test_resume.py",
)


@cache
def group_of(file: str) -> str:
    """Return the group of a test file, given by its path from the project's root."""
    if f"{SHARED}: " in (PROJECT / file).read_text(encoding="utf-8"):
        return SHARED
    return next((folder for folder in FOLDERS if file.startswith(folder)), file)


def turn_of(file: str) -> int:
    """Return the place of a test file's group in the order in which groups are sent to processes."""
    group = group_of(file)
    return FIRST.index(group) if group in FIRST else len(FIRST)


class GroupedByFile(LoadScopeScheduling):  # type: ignore[misc]  # it ships no types
    """Sends the tests of a group to one process, one group after the other."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid.partition("::")[0])
