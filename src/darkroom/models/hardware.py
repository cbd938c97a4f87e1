"""The hardware a model runs on: the device, the precision of its arithmetic, and the threads of the CPU."""

import os
from contextlib import suppress
from dataclasses import dataclass

import torch

from darkroom import machine


@dataclass(frozen=True)
class Hardware:
    """What a training runs on.

    Attributes:
        device: of the net.
        precision: the dtype of convolutions and matrix products.
        reasons: for device, precision and threads, by these names, for people.
    """

    device: torch.device
    precision: torch.dtype
    reasons: dict[str, str]


def choose_hardware(device: str, precision: str, threads: int, *, processes: int = 1) -> Hardware:
    """Choose device and precision and set the threads: each as its function here says.

    Raises ValueError for a device that is not available.
    """
    used = set_threads(threads, processes=processes)
    chosen, device_reason = choose_device(device)
    dtype, precision_reason = choose_precision(precision, chosen)
    return Hardware(chosen, dtype, {"device": device_reason, "precision": precision_reason, "threads": used})


def choose_device(name: str) -> tuple[torch.device, str]:
    """Return the device for `auto`, `cuda`, `mps` or `cpu`, and why.

    `auto` is the first of cuda, mps and cpu that is available. Raises ValueError for a device that is not.

    >>> choose_device("cpu")
    (device(type='cpu'), 'cpu: set in params.yaml')
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        chosen = next(device for device, is_available in available.items() if is_available)
        return torch.device(chosen), f"{chosen}: the first of cuda, mps, cpu that is available"
    if not available[name]:
        raise ValueError(f"train.device is {name}, which torch does not find here: set train.device=auto")
    return torch.device(name), f"{name}: set in params.yaml"


def choose_precision(name: str, device: torch.device) -> tuple[torch.dtype, str]:
    """Return the dtype of convolutions and matrix products for `auto`, `bf16` or `fp32`, and why.

    `auto` is bf16 where `device` computes in it; elsewhere it is emulated, which is many times slower.
    """
    if name != "auto":
        return {"bf16": torch.bfloat16, "fp32": torch.float32}[name], f"{name}: set in params.yaml"
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


def set_threads(threads: int, *, processes: int = 1) -> str:
    """Let torch use `threads` threads of the CPU, and return how many it uses, in words.

    A number is taken as it is, since results depend on it bit for bit. 0 divides the cores that there are to
    use (`machine.cores`) among `processes`; a lower OMP_NUM_THREADS is kept, and so is torch's own choice.
    """
    usable = machine.cores()
    number = threads or max(1, usable.count // processes)
    user = machine.user_threads()
    if "TORCHELASTIC_RUN_ID" in os.environ and user == 1:
        user = 0  # torchrun sets it to 1 where nobody has set it
    if user and not threads:
        number = min(number, user)
    if threads or processes > 1 or number < torch.get_num_threads():
        torch.set_num_threads(number)
    if number < torch.get_num_interop_threads():
        with suppress(RuntimeError):  # they have started, in a process that trained before
            torch.set_num_interop_threads(number)
    used = torch.get_num_threads()
    return f"{used} thread{'s' if used > 1 else ''} ({usable})"
