"""Cores and memory are what a process may really use: made cgroup trees, schedulers, a real quota."""

import os
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from darkroom import machine
from tests.helpers.cgroups import CPU_MOUNT, GB, MEMORY_MOUNT, V2_MOUNT, enter, made_tree, real_cgroup
from tests.helpers.checkouts import PROJECT

POD = "/kubepods/burstable/pod1/abc"
DOCKER = "/docker/0123abcd"
V1 = f"12:freezer:/\n4:memory:{DOCKER}\n3:cpu,cpuacct:{DOCKER}\n1:name=systemd:{DOCKER}"
UNLIMITED = "9223372036854771712"

# By name: /proc/self/cgroup, the mounts, the cgroups' files, and the cores and GB that remain of 64 each.
TREES: dict[str, tuple[str, tuple[str, ...], dict[str, str], int, int]] = {
    "no cgroups": ("", (), {}, 64, 64),
    "v2, no limit": (
        "0::/",
        (V2_MOUNT.format(root="/"),),
        {"cpu.max": "max 100000", "memory.max": "max"},
        64,
        64,
    ),
    "v2, docker with a namespace": (
        "0::/",
        (V2_MOUNT.format(root="/"),),
        {"cpu.max": "200000 100000", "memory.max": str(4 * GB)},
        2,
        4,
    ),
    "v2, the host's paths": (
        f"0::{POD}",
        (V2_MOUNT.format(root="/"),),
        {f"{POD}/cpu.max": "300000 100000", f"{POD}/memory.max": str(8 * GB)},
        3,
        8,
    ),
    "v2, the container's folder mounted alone": (
        f"0::{POD}",
        (V2_MOUNT.format(root=POD),),
        {"cpu.max": "300000 100000", "memory.max": str(8 * GB)},
        3,
        8,
    ),
    "v2, the limit is that of the pod": (
        f"0::{POD}",
        (V2_MOUNT.format(root="/"),),
        {
            f"{POD}/cpu.max": "max 100000",
            "/kubepods/burstable/pod1/cpu.max": "400000 100000",
            "/kubepods/cpu.max": "6400000 100000",
            f"{POD}/memory.max": "max",
            "/kubepods/burstable/pod1/memory.max": str(16 * GB),
        },
        4,
        16,
    ),
    "v2, a group below a namespace's root": (
        "0::/user.slice/run-1.scope",
        (V2_MOUNT.format(root="/"),),
        {"user.slice/run-1.scope/cpu.max": "150000 100000", "user.slice/memory.high": str(2 * GB)},
        2,
        2,
    ),
    "v2, moved out of its namespace": (
        "0::/../other",
        (V2_MOUNT.format(root="/"),),
        {"cpu.max": "500000 100000", "memory.max": str(5 * GB)},
        5,
        5,
    ),
    "v2, half a core": ("0::/", (V2_MOUNT.format(root="/"),), {"cpu.max": "50000 100000"}, 1, 64),
    "v2, a hair more than two cores": (
        "0::/",
        (V2_MOUNT.format(root="/"),),
        {"cpu.max": "200100 100000"},
        2,
        64,
    ),
    "v2, another period": ("0::/", (V2_MOUNT.format(root="/"),), {"cpu.max": "40000 10000"}, 4, 64),
    "v2, more than there is": (
        "0::/",
        (V2_MOUNT.format(root="/"),),
        {"cpu.max": "12800000 100000", "memory.max": str(500 * GB)},
        64,
        64,
    ),
    "v1, docker without a namespace": (
        V1,
        (CPU_MOUNT.format(root=DOCKER), MEMORY_MOUNT.format(root=DOCKER)),
        {
            "cpu,cpuacct/cpu.cfs_quota_us": "250000",
            "cpu,cpuacct/cpu.cfs_period_us": "100000",
            "memory/memory.limit_in_bytes": str(3 * GB),
        },
        3,
        3,
    ),
    "v1, no limit": (
        V1,
        (CPU_MOUNT.format(root=DOCKER), MEMORY_MOUNT.format(root=DOCKER)),
        {
            "cpu,cpuacct/cpu.cfs_quota_us": "-1",
            "cpu,cpuacct/cpu.cfs_period_us": "100000",
            "memory/memory.limit_in_bytes": UNLIMITED,
        },
        64,
        64,
    ),
    "v1, the host's hierarchy, and a limit above": (
        V1,
        (CPU_MOUNT.format(root="/"), MEMORY_MOUNT.format(root="/")),
        {
            f"cpu,cpuacct{DOCKER}/cpu.cfs_quota_us": "-1",
            f"cpu,cpuacct{DOCKER}/cpu.cfs_period_us": "100000",
            "cpu,cpuacct/docker/cpu.cfs_quota_us": "600000",
            "cpu,cpuacct/docker/cpu.cfs_period_us": "100000",
            f"memory{DOCKER}/memory.limit_in_bytes": UNLIMITED,
            "memory/docker/memory.limit_in_bytes": str(6 * GB),
        },
        6,
        6,
    ),
    "v1, a path that is not mounted": (
        V1.replace(DOCKER, "/elsewhere"),
        (CPU_MOUNT.format(root=DOCKER), MEMORY_MOUNT.format(root=DOCKER)),
        {
            "cpu,cpuacct/cpu.cfs_quota_us": "700000",
            "cpu,cpuacct/cpu.cfs_period_us": "100000",
            "memory/memory.limit_in_bytes": str(7 * GB),
        },
        7,
        7,
    ),
    "hybrid: v2 without controllers beside v1": (
        f"{V1}\n0::/",
        (
            V2_MOUNT.format(root="/").replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified"),
            CPU_MOUNT.format(root=DOCKER),
            MEMORY_MOUNT.format(root=DOCKER),
        ),
        {
            "unified/cgroup.procs": "1",
            "cpu,cpuacct/cpu.cfs_quota_us": "800000",
            "cpu,cpuacct/cpu.cfs_period_us": "100000",
            "memory/memory.limit_in_bytes": str(9 * GB),
        },
        8,
        9,
    ),
    "hybrid: memory by v2, the CPU by v1": (
        f"3:cpu,cpuacct:{DOCKER}\n0::/",
        (V2_MOUNT.format(root="/").replace("fs/cgroup", "fs/cgroup/unified"), CPU_MOUNT.format(root="/")),
        {
            f"cpu,cpuacct{DOCKER}/cpu.cfs_quota_us": "900000",
            f"cpu,cpuacct{DOCKER}/cpu.cfs_period_us": "100000",
            "unified/memory.max": str(11 * GB),
        },
        9,
        11,
    ),
}


@pytest.fixture
def of_64(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the machine have 64 cores, all of them visible."""
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)


@pytest.mark.usefixtures("of_64")
@pytest.mark.parametrize("name", TREES)
def test_a_limit_of_a_cgroup_is_found(name: str, tmp_path: Path) -> None:
    cgroup, mounts, files, cores, gigabytes = TREES[name]
    root = made_tree(tmp_path, cgroup=cgroup, mounts=mounts, files=files)
    usable, memory = machine.cores({}, root=root), machine.memory({}, root=root)
    assert (usable.count, usable.installed) == (cores, 64)
    assert usable.reason == (machine.QUOTA if cores < 64 else "")
    assert memory.bytes == pytest.approx(gigabytes * GB, abs=1024)
    assert memory.reason == (machine.LIMIT if gigabytes < 64 else "")


@pytest.mark.usefixtures("of_64")
def test_a_limit_is_told_in_one_line(tmp_path: Path) -> None:
    root = made_tree(
        tmp_path,
        cgroup="0::/",
        mounts=(V2_MOUNT.format(root="/"),),
        files={"cpu.max": "200000 100000", "memory.max": str(4 * GB)},
    )
    assert str(machine.cores({}, root=root)) == "2 of 64 cores: the container's CPU quota"
    told = "4.0 of 64.0 GB of memory: the container's memory limit"
    assert str(machine.memory({}, root=root)) == told
    assert str(machine.cores({"SLURM_CPUS_PER_TASK": "1"}, root=root)) == "1 of 64 cores: SLURM_CPUS_PER_TASK"
    assert str(machine.cores({}, root=tmp_path / "nothing")) == "64 cores"


@pytest.mark.usefixtures("of_64")
@pytest.mark.parametrize(
    ("environment", "cores"),
    [
        ({"SLURM_CPUS_PER_TASK": "8"}, 8),
        ({"SLURM_CPUS_ON_NODE": "16"}, 16),
        ({"SLURM_CPUS_PER_TASK": "4", "SLURM_CPUS_ON_NODE": "16"}, 4),
        ({"PBS_JOBID": "1.host", "NCPUS": "12"}, 12),
        ({"NCPUS": "12"}, 64),
        ({"JOB_ID": "7", "NSLOTS": "6"}, 6),
        ({"LSB_JOBID": "7", "LSB_DJOB_NUMPROC": "5"}, 5),
        ({"SLURM_CPUS_PER_TASK": "128"}, 64),
        ({"SLURM_CPUS_PER_TASK": ""}, 64),
        ({"SLURM_CPUS_PER_TASK": "many"}, 64),
        ({"SLURM_CPUS_PER_TASK": "0"}, 64),
        ({"OMP_NUM_THREADS": "1"}, 64),
    ],
)
def test_what_a_scheduler_allots_is_a_limit(
    environment: dict[str, str], cores: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert machine.cores(environment, root=tmp_path).count == cores
    assert ("many" in caplog.text) == ("many" in environment.values()), "an odd value is told"


@pytest.mark.parametrize(
    ("environment", "gigabytes"),
    [
        ({"SLURM_MEM_PER_NODE": "4096"}, 4096 * 2**20 / GB),
        ({"SLURM_MEM_PER_NODE": "0"}, 64),
        ({"SLURM_MEM_PER_CPU": "1024", "SLURM_CPUS_ON_NODE": "8"}, 8 * 2**30 / GB),
        ({}, 64),
    ],
)
def test_memory_that_a_scheduler_allots_is_a_limit(
    environment: dict[str, str], gigabytes: float, tmp_path: Path
) -> None:
    root = made_tree(tmp_path, cgroup="", mounts=(), files={})
    assert machine.memory(environment, root=root).bytes == pytest.approx(gigabytes * GB, abs=1024)


def test_ulimit_is_a_limit_of_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    root = made_tree(tmp_path, cgroup="", mounts=(), files={})
    limits = {resource.RLIMIT_AS: (3 * GB, -1)}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits.get(kind, (resource.RLIM_INFINITY, -1)))
    usable = machine.memory({}, root=root)
    assert (usable.bytes, usable.reason) == (3 * GB, "RLIMIT_AS, as ulimit sets it")


def test_cores_it_is_bound_to_are_a_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 9}, raising=False)
    usable = machine.cores({}, root=tmp_path)
    assert (usable.count, usable.visible, usable.installed) == (3, 3, 64)
    assert machine.threads_for_libraries({}, root=tmp_path) == 0, "libraries see this limit"


@pytest.mark.usefixtures("of_64")
@pytest.mark.parametrize(
    ("quota", "before", "after"),
    [
        ("max", None, None),
        ("max", "80", "80"),
        ("200000", None, "2"),
        ("200000", "80", "2"),
        ("200000", "1", "1"),
    ],
)
def test_libraries_are_limited_where_they_do_not_see_the_limit(
    quota: str, before: str | None, after: str | None, tmp_path: Path
) -> None:
    mounts = (V2_MOUNT.format(root="/"),)
    root = made_tree(tmp_path, cgroup="0::/", mounts=mounts, files={"cpu.max": f"{quota} 100000"})
    environment = {} if before is None else {"OMP_NUM_THREADS": before}
    machine.limit_libraries(environment, root=root)
    assert environment.get("OMP_NUM_THREADS") == after


ASK = """
import pipeline
from darkroom import machine
from darkroom.models.hardware import set_threads
import numpy, torch
from threadpoolctl import threadpool_info
at_import = torch.get_num_threads()
set_threads(0)
pools = {pool["num_threads"] for pool in threadpool_info()}
print(machine.cores().count, at_import, torch.get_num_threads(), torch.get_num_interop_threads(), *pools)
"""


@pytest.mark.integration
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="a quota of one core needs a machine with two")
def test_a_real_quota_limits_torch_and_the_libraries() -> None:
    environment = {name: value for name, value in os.environ.items() if "NUM_THREADS" not in name}
    environment["PYTHONPATH"] = str(PROJECT / "src")
    with real_cgroup("cpu", {"cpu.max": "100000 100000"}) as group:
        printed = subprocess.run(
            [sys.executable, "-c", ASK],
            cwd=PROJECT,
            env=environment,
            preexec_fn=partial(enter, group),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    assert printed.split() == ["1"] * 5


@pytest.mark.integration
def test_a_real_memory_limit_is_found() -> None:
    ask = "from darkroom import machine; print(machine.memory())"
    with real_cgroup("memory", {"memory.max": str(2**30)}) as group:
        printed = subprocess.run(
            [sys.executable, "-c", ask],
            env={**os.environ, "PYTHONPATH": str(PROJECT / "src")},
            preexec_fn=partial(enter, group),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    assert printed.startswith("1.1 of ")
    assert printed.endswith(f"GB of memory: {machine.LIMIT}\n")
