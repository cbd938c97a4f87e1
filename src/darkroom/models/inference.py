"""Where arithmetic runs, in which precision and memory, and predictions over a whole split."""

import ctypes
import os
import platform
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from darkroom.data.splits import Split
from darkroom.models.classifier import Classifier

# Images that a net predicts at once. What 128 need stays in a CPU's caches: on 2 cores they took 0.7 of the
# time of 500, each.
CPU_BATCH, GPU_BATCH = 128, 1024

# of glibc's malloc.h: how much may lie free before it goes back to the system, by how much more than needed
# the heap grows, and from which size on a piece does not come from the heap
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
KEPT_BYTES, GROWTH_BYTES, PIECE_BYTES = 2**31 - 1, 2**26, 2**30


def choose_device(name: str) -> tuple[torch.device, str]:
    """Return the device for `auto`, `cuda`, `mps` or `cpu`, and why.

    Raises ValueError when the named device is not there.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        chosen = next(device for device, is_there in there.items() if is_there)
        return torch.device(chosen), f"{chosen}: the first of cuda, mps, cpu that is there"
    if not there[name]:
        raise ValueError(f"train.device is {name}, which torch does not find here: set train.device=auto")
    return torch.device(name), f"{name}: as params.yaml says"


def choose_precision(name: str, device: torch.device) -> tuple[torch.dtype, str]:
    """Return the dtype of convolutions and matrix products for `auto`, `bf16` or `fp32`, and why."""
    if name != "auto":
        return {"bf16": torch.bfloat16, "fp32": torch.float32}[name], f"{name}: as params.yaml says"
    if device.type == "cuda":
        computes = torch.cuda.is_bf16_supported(including_emulation=False)
        what = torch.cuda.get_device_name(device)
    elif device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        computes = bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
        what = "the CPU (AVX-512 BF16 or AMX)" if computes else "the CPU (neither AVX-512 BF16 nor AMX)"
    else:
        computes, what = False, device.type
    if computes:
        return torch.bfloat16, f"bf16: {what} computes in it"
    return torch.float32, f"fp32: {what} does not compute in bf16"


def set_threads(threads: int, *, processes: int = 1) -> None:
    """Give torch `threads` threads of the CPU; 0 shares the cores out among `processes`."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if threads or processes > 1:
        torch.set_num_threads(threads or max(1, cores // processes))


def keep_freed_memory() -> bool:
    """Let this process keep the memory of tensors that it frees for the next ones; return whether it does.

    glibc gives large pieces back to the system at once. Each step of a training then gets its tensors as
    new pages, which the system clears first: about a sixth of the time (docs/training.md). Of other systems'
    memory nothing is known here, and nothing is changed.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    large = bool(mallopt(M_MMAP_THRESHOLD, PIECE_BYTES))
    kept = bool(mallopt(M_TRIM_THRESHOLD, KEPT_BYTES))
    grows = bool(mallopt(M_TOP_PAD, GROWTH_BYTES))
    return large and kept and grows


def to_device(images: NDArray[np.uint8], device: torch.device) -> Tensor:
    """Copy images uint8 [B,H,W,C] out of a (memory-mapped) array to `device`."""
    return torch.from_numpy(np.array(images)).to(device)


def predict(
    classifier: Classifier, split: Split, *, device: torch.device, progress: bool = True
) -> NDArray[np.float32]:
    """Return the probabilities float32 [N,classes] of a split, computed in fp32, with all views."""
    return _run(classifier, classifier, split, device=device, progress=progress)


def predict_logits(classifier: Classifier, split: Split, *, device: torch.device) -> NDArray[np.float32]:
    """Return the logits float32 [N,classes] of a split, computed in fp32, averaged over all views.

    The temperature is not in them.
    """
    return _run(classifier, classifier.logits, split, device=device, progress=True)


def prediction_batch(device: torch.device, *, views: int = 1) -> int:
    """Return how many images, each with so many views, are best predicted at once on `device`."""
    return max(1, (CPU_BATCH if device.type == "cpu" else GPU_BATCH) // views)


@torch.inference_mode()
def _run(
    classifier: Classifier,
    compute: Callable[[Tensor], Tensor],
    split: Split,
    *,
    device: torch.device,
    progress: bool,
) -> NDArray[np.float32]:
    classifier.to(device).eval()
    if device.type == "cpu":
        keep_freed_memory()
    parts = []
    batch = prediction_batch(device, views=classifier.views)
    with tqdm(total=len(split), desc="predict", unit="images", disable=None if progress else True) as bar:
        for start in range(0, len(split), batch):
            images = to_device(split.images[start : start + batch], device)
            parts.append(compute(images).float().cpu().numpy())
            bar.update(len(images))
    return np.concatenate(parts)
