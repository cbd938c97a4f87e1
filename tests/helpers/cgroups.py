"""Folders that look like /proc and /sys/fs/cgroup of a container, and real cgroups where they can be made."""

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

# Version 2 is one hierarchy; version 1 has one for each controller, or for several.
V2_MOUNT = "30 23 0:26 {root} /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
CPU_MOUNT = "32 31 0:29 {root} /sys/fs/cgroup/cpu,cpuacct rw,nosuid master:11 - cgroup cgroup rw,cpu,cpuacct"
MEMORY_MOUNT = "35 31 0:32 {root} /sys/fs/cgroup/memory rw,nosuid master:14 - cgroup cgroup rw,memory"
OTHER_MOUNTS = (
    "22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw",
    "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd",
    "41 22 0:50 / /mnt/a\\040disk rw - nfs server:/share rw,addr=10.0.0.1",
)
GB = 10**9


def made_tree(
    folder: Path, *, cgroup: str, mounts: tuple[str, ...], files: Mapping[str, str], gigabytes: int = 64
) -> Path:
    """Write what /proc says of cgroups, mounts and memory, and the cgroups' files, below `folder`."""
    proc = folder / "proc/self"
    proc.mkdir(parents=True)
    (proc / "cgroup").write_text(cgroup + "\n")
    (proc / "mountinfo").write_text("\n".join([*OTHER_MOUNTS, *mounts]) + "\n")
    (folder / "proc/meminfo").write_text(f"MemTotal:       {gigabytes * GB // 1024} kB\nMemFree: 1 kB\n")
    for name, text in files.items():
        path = folder / "sys/fs/cgroup" / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return folder


@contextmanager
def real_cgroup(controller: str, limits: Mapping[str, str]) -> Iterator[Path]:
    """Make a cgroup of version 1 or 2 with `limits`, and yield it; skip the test where that is not possible.

    `limits` are for version 2, as `{"cpu.max": "100000 100000"}`; for version 1 they are translated.
    """
    base = Path("/sys/fs/cgroup")
    first = base / controller
    place = first if first.is_dir() else base
    group = place / f"darkroom-test-{uuid.uuid4().hex[:8]}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup can be made here: {error}")
    try:
        for name, value in limits.items():
            for file, text in _translated(name, value) if place == first else [(name, value)]:
                (group / file).write_text(text)
    except OSError as error:
        group.rmdir()
        pytest.skip(f"the cgroups here have no controller {controller}: {error}")
    try:
        yield group
    finally:
        group.rmdir()


def _translated(name: str, value: str) -> list[tuple[str, str]]:
    if name == "memory.max":
        return [("memory.limit_in_bytes", value)]
    quota, period = value.split()
    return [("cpu.cfs_period_us", period), ("cpu.cfs_quota_us", quota)]


def enter(group: Path) -> None:
    """Put this process into a cgroup, as `preexec_fn` of a child process."""
    (group / "cgroup.procs").write_text(str(os.getpid()))
