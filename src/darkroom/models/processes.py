"""Data-parallel training: the processes torchrun started, each with its share of every batch.

In a single process every function here is the identity.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor


def launched() -> bool:
    """Say whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def launch(count: int, module: str) -> None:
    """Run `python -m module` in `count` processes on this machine, by torchrun; ends as they end."""
    # torchrun's own imports take seconds that a training in one process need not spend
    from torch.distributed.run import main

    main(["--standalone", f"--nproc-per-node={count}", "-m", module])


@contextmanager
def joined() -> Iterator[None]:
    """Meet the other processes for the block: over NCCL where each has a GPU of its own, else gloo."""
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
    """Return this process's number, from 0; only 0 writes."""
    return dist.get_rank() if dist.is_initialized() else 0


def count() -> int:
    """Return how many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def on_this_machine() -> int:
    """Return how many processes share this machine's cores."""
    return int(os.environ["LOCAL_WORLD_SIZE"]) if launched() else 1


def wait() -> None:
    """Wait until every process is here."""
    if count() > 1:
        dist.barrier()


def share(batch: Tensor) -> Tensor:
    """Return this process's rows of a batch [B,...]: every `count()`-th."""
    return batch[rank() :: count()]


def add_up(*tensors: Tensor) -> None:
    """Replace each tensor by its sum over the processes."""
    if count() > 1:
        for tensor in tensors:
            dist.all_reduce(tensor)


def added_up(x: Tensor) -> Tensor:
    """Return the sum of `x` over the processes; gradients flow back to each of them."""
    if count() == 1:
        return x
    # importing it registers more than a single process needs
    from torch.distributed.nn.functional import all_reduce

    total: Tensor = all_reduce(x)  # type: ignore[no-untyped-call]
    return total
