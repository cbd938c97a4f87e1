"""The cores and the memory that this process may really use.

The limit of a container is a quota of its cgroup, and what a scheduler allots is an environment variable.
os.cpu_count, os.sched_getaffinity and most libraries see neither, and would start a thread for each core of
the machine. What a user sets in params.yaml or DARKROOM_WORKERS is not part of it: that is taken as it is.
"""

import logging
import math
import os
import re
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

# Cores that a scheduler allots on this machine: the variable, and one without which it is not a scheduler's.
ALLOTTED_CORES = (
    ("SLURM_CPUS_PER_TASK", ""),
    ("SLURM_CPUS_ON_NODE", ""),  # the whole job's here: an upper bound where --cpus-per-task was not given
    ("NCPUS", "PBS_JOBID"),
    ("NSLOTS", "JOB_ID"),  # Grid Engine
    ("LSB_DJOB_NUMPROC", "LSB_JOBID"),  # LSF
)
THREADS = "OMP_NUM_THREADS"  # read by OpenMP, and so by torch, and by MKL, OpenBLAS and Arrow
QUOTA, LIMIT = "the container's CPU quota", "the container's memory limit"
ROOT = Path("/")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cores:
    """How many cores this process may use.

    Attributes:
        count: the number, at least 1.
        visible: as many as libraries see: those that the process may run on.
        installed: of the machine.
        reason: what makes `count` less than `installed`; empty if it is not.
    """

    count: int
    visible: int
    installed: int
    reason: str

    def __str__(self) -> str:
        """Return it in words, as `2 of 64 cores: the container's CPU quota`."""
        if not self.reason:
            return f"{self.count} cores" if self.count > 1 else "1 core"
        return f"{self.count} of {self.installed} cores: {self.reason}"


@dataclass(frozen=True)
class Memory:
    """How much memory this process may use.

    Attributes:
        bytes: the least of all limits.
        installed: of the machine, in bytes.
        reason: what makes `bytes` less than `installed`; empty if it is not.
    """

    bytes: int
    installed: int
    reason: str

    def __str__(self) -> str:
        """Return it in words, as `4.0 of 64.0 GB of memory: the container's memory limit`."""
        if not self.reason:
            return f"{self.bytes / 1e9:.1f} GB of memory"
        return f"{self.bytes / 1e9:.1f} of {self.installed / 1e9:.1f} GB of memory: {self.reason}"


def cores(environment: Mapping[str, str] = os.environ, *, root: Path = ROOT) -> Cores:
    """Return the least of: the machine's cores, those this process is bound to, its quota, what is allotted.

    A quota that is no whole number is rounded up: a thread more uses up the quota, one less leaves a part of
    it unused. `environment` has the schedulers' variables; `root` is the folder in which /proc and the
    cgroups are looked up.
    """
    installed = os.cpu_count() or 1
    visible = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else installed
    found = [(float(installed), ""), (float(visible), "the cores it is bound to")]
    found += [(quota, QUOTA) for quota in _quotas(root)]
    for name, owner in ALLOTTED_CORES:
        if (not owner or owner in environment) and (number := _number(environment, name)):
            found.append((float(number), name))
    least, reason = min(found, key=lambda each: each[0])
    count = max(1, math.ceil(least - 0.01))  # 2.001 are 2
    return Cores(count, visible, installed, reason if count < installed else "")


def memory(environment: Mapping[str, str] = os.environ, *, root: Path = ROOT) -> Memory:
    """Return the least of: the machine's memory, its cgroups' limits, what is allotted, the process's limit.

    `environment` and `root` are as for `cores`.
    """
    installed = _installed_memory(root)
    found = [(installed, ""), *((limit, LIMIT) for limit in _memory_limits(root))]
    if megabytes := _number(environment, "SLURM_MEM_PER_NODE"):
        found.append((megabytes * 2**20, "SLURM_MEM_PER_NODE"))
    if megabytes := _number(environment, "SLURM_MEM_PER_CPU"):
        allotted = megabytes * (_number(environment, "SLURM_CPUS_ON_NODE") or 1)
        found.append((allotted * 2**20, "SLURM_MEM_PER_CPU"))
    if resource:
        for name in ("RLIMIT_AS", "RLIMIT_DATA"):
            limit = resource.getrlimit(getattr(resource, name))[0]
            if limit != resource.RLIM_INFINITY:
                found.append((limit, f"{name}, as ulimit sets it"))
    least, reason = min(found, key=lambda each: each[0])
    return Memory(least, installed, reason)


def threads_for_libraries(environment: Mapping[str, str] = os.environ, *, root: Path = ROOT) -> int:
    """Return the threads to give to a library whose own choice is a thread for each core that it sees.

    0, its own choice, where it sees all there is to see.
    """
    usable = cores(environment, root=root)
    return usable.count if usable.count < usable.visible else 0


def limit_libraries(environment: MutableMapping[str, str] = os.environ, *, root: Path = ROOT) -> None:
    """Have libraries that are imported later, and child processes, start at most a thread per usable core.

    Sets OMP_NUM_THREADS where libraries would not notice a limit; a lower number that is there is kept.
    """
    limit = threads_for_libraries(environment, root=root)
    if limit:
        environment[THREADS] = str(min(limit, user_threads(environment) or limit))


def user_threads(environment: Mapping[str, str] = os.environ) -> int:
    """Return the threads of a process that OMP_NUM_THREADS sets; 0 where it sets none.

    >>> user_threads({"OMP_NUM_THREADS": "4,2"}), user_threads({})
    (4, 0)
    """
    text = environment.get(THREADS, "").partition(",")[0].strip()  # one number for each level of nesting
    return int(text) if text.isascii() and text.isdigit() else 0


def _number(environment: Mapping[str, str], name: str) -> int | None:
    """Return a variable that a scheduler sets; None where it is absent or 0, which stands for everything."""
    text = environment.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        log.warning("%s is %r, which is no whole number: it limits nothing", name, text)
        return None
    return int(text) or None


def _quotas(root: Path) -> Iterator[float]:
    """Yield the CPU quotas that apply, in cores."""
    for group in _groups("cpu", root):
        quota, _, period = (_read(group / "cpu.max") or "").partition(" ")  # version 2
        yield from _ratio(quota, period or "100000")
        yield from _ratio(_read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us"))  # version 1


def _ratio(quota: str | None, period: str | None) -> Iterator[float]:
    """Yield quota / period, unless there is no quota: `max`, or -1."""
    if quota and quota.isdigit() and period and period.isdigit() and int(quota) and int(period):
        yield int(quota) / int(period)


def _memory_limits(root: Path) -> Iterator[int]:
    """Yield the memory limits that apply, in bytes; version 1 says "no limit" by a number near 2**63."""
    for group in _groups("memory", root):
        # beyond memory.high the kernel slows the process down; beyond the others it kills it
        for name in ("memory.max", "memory.high", "memory.limit_in_bytes"):
            text = _read(group / name)
            if text and text.isdigit() and int(text):
                yield int(text)


def _installed_memory(root: Path) -> int:
    total = re.search(r"^MemTotal:\s+(\d+) kB", _read(root / "proc/meminfo") or "", re.MULTILINE)
    return int(total[1]) * 1024 if total else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _groups(controller: str, root: Path) -> Iterator[Path]:
    """Yield the folders of this process's cgroups, of both versions, and of those above, where mounted."""
    paths = dict(_group_paths(root))
    for line in (_read(root / "proc/self/mountinfo") or "").splitlines():
        mount, _, system = line.partition(" - ")
        kind, _, options = system.partition(" ")
        if kind == "cgroup2":
            path = paths.get("")
        elif kind == "cgroup" and controller in options.rpartition(" ")[2].split(","):
            path = paths.get(controller)
        else:
            continue
        inside, point = (_unescape(text) for text in mount.split()[3:5])
        if path is not None:
            yield from _upwards(root / point.lstrip("/"), _below(path, inside))


def _group_paths(root: Path) -> Iterator[tuple[str, str]]:
    """Yield the path of this process's cgroup for each controller; for version 2 under the name ""."""
    for line in (_read(root / "proc/self/cgroup") or "").splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            yield controller, path


def _below(path: str, inside: str) -> PurePosixPath:
    """Return where the cgroup `path` is below a mount of the part `inside` of the hierarchy.

    In a container with a cgroup namespace both are "/". Without one, both are the container's path on the
    host, or `inside` is "/" and the host's whole hierarchy is mounted.
    """
    group = PurePosixPath(path)
    below = group.relative_to(inside) if group.is_relative_to(inside) else group.relative_to("/")
    return PurePosixPath() if ".." in below.parts else below  # outside of the namespace


def _upwards(mount: Path, below: PurePosixPath) -> Iterator[Path]:
    """Yield the folder `below` of a mounted hierarchy and those above it, up to the mount itself."""
    for part in (below, *below.parents) if below.parts else (below,):
        yield mount / part


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def _read(path: Path) -> str | None:
    """Return a file's text; None where it is missing or must not be read: then it tells of no limit."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return None
