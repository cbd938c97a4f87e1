"""A small disk for a command: a tmpfs in a mount namespace, which needs no rights and ends with it."""

import subprocess
from functools import cache
from pathlib import Path

import pytest

MOUNT = 'mount -t tmpfs -o size="$1",mode=755 tmpfs "$2" && shift 2 && exec "$@"'


def on_small_disk(place: Path, size: str, *command: str) -> list[str]:
    """Return a command that runs `command` with a new disk of `size` bytes (such as `64m`) at `place`.

    Skips the test where the system does not allow that.
    """
    if reason := _forbidden():
        pytest.skip(f"no disk can be mounted here: {reason}")
    return [*_namespace(), "sh", "-c", MOUNT, "sh", size, str(place), *command]


def _namespace() -> list[str]:
    return ["unshare", "--user", "--map-root-user", "--mount"]


@cache
def _forbidden() -> str:
    try:
        probe = "mount -t tmpfs -o size=1m tmpfs /mnt"
        done = subprocess.run([*_namespace(), "sh", "-c", probe], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "there is no `unshare`"
    return done.stderr.strip() if done.returncode else ""
