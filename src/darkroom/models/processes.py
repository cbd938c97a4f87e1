"""Data-parallel training: the processes that torchrun started, each with its share of every batch.

In a single process the functions on tensors return their argument.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor

from darkroom.environment import LAUNCHED
from darkroom.stopping import Stopped


def launched() -> bool:
    """Return whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def launch(count: int, module: str) -> None:
    """Run `python -m module` in `count` processes on this machine by torchrun, until they end.

    Raises Stopped when a signal has ended them.
    """
    # imported here because it takes seconds, which a training in one process need not spend
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.run import main

    os.environ[LAUNCHED] = "1"
    try:
        main(["--standalone", f"--nproc-per-node={count}", "-m", module])
    except SignalException as stopped:  # torchrun has passed it on, and waited for the processes
        raise Stopped(stopped.sigval, told=True) from None


@contextmanager
def joined() -> Iterator[None]:
    """Join the process group for the block: over NCCL where each process has its own GPU, else gloo."""
    if not launched():
        yield
        return
    local = int(os.environ["LOCAL_RANK"])
    if torch.cuda.device_count() > local:
        torch.cuda.set_device(local)
        dist.init_process_group("nccl", device_id=torch.device("cuda", local))
    else:
        dist.init_process_group("gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """Return the number of this process, from 0; only process 0 writes files."""
    return dist.get_rank() if dist.is_initialized() else 0


def count() -> int:
    """Return how many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def on_this_machine() -> int:
    """Return how many processes share this machine's cores."""
    return int(os.environ["LOCAL_WORLD_SIZE"]) if launched() else 1


def wait() -> None:
    """Wait until every process has reached this call."""
    if count() > 1:
        dist.barrier()


def share(batch: Tensor) -> Tensor:
    """Return this process's rows of a batch [B,...]: every `count()`-th."""
    return batch[rank() :: count()]


def add_up(*tensors: Tensor) -> None:
    """Replace each tensor by its sum over the processes, in place."""
    if count() > 1:
        for tensor in tensors:
            dist.all_reduce(tensor)


def any_of(flag: bool) -> bool:
    """Return whether `flag` is true in any process; each must call this."""
    if count() == 1:
        return flag
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    flags = torch.tensor(int(flag), device=device)
    dist.all_reduce(flags, dist.ReduceOp.MAX)
    return bool(flags.item())


def gathered(x: Tensor) -> list[Tensor]:
    """Return `x`, on the CPU, of every process in their order; each must call this."""
    if count() == 1:
        return [x]
    found: list[Tensor] = [x] * count()
    dist.all_gather_object(found, x)
    return found


def added_up(x: Tensor) -> Tensor:
    """Return the sum of `x` over the processes; gradients flow back to each of them."""
    if count() == 1:
        return x
    # imported here because it registers operators that a single process does not need
    from torch.distributed.nn.functional import all_reduce

    total: Tensor = all_reduce(x)  # type: ignore[no-untyped-call]
    return total
