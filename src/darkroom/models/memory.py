"""Memory that a process frees: kept for its next tensors, or given back to the system."""

import ctypes
import platform

# Of glibc's malloc.h: how much free memory the heap keeps, by how much more than needed it grows, and from
# which size on a piece does not come from the heap.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
KEPT_BYTES, GROWTH_BYTES, PIECE_BYTES = 2**31 - 1, 2**26, 2**30


def keep_freed_memory() -> bool:
    """Let this process keep the memory of freed tensors for the next ones; return whether it does.

    glibc gives large pieces back to the system at once. Each step of a training then gets its tensors as
    new pages, which the system clears first: about a sixth of the time (docs/training.md). Other systems are
    left as they are.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    large = bool(mallopt(M_MMAP_THRESHOLD, PIECE_BYTES))
    kept = bool(mallopt(M_TRIM_THRESHOLD, KEPT_BYTES))
    grows = bool(mallopt(M_TOP_PAD, GROWTH_BYTES))
    return large and kept and grows
