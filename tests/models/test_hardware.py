"""The device and the precision, each with its reason."""

from collections.abc import Iterator

import pytest
import torch

from darkroom import machine
from darkroom.models.hardware import choose_device, choose_precision, set_threads
from tests.helpers.fitting import CPU


def test_the_device_is_chosen_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == (CPU, "cpu: the first of cuda, mps, cpu that is available")
    assert choose_device("cpu") == (CPU, "cpu: set in params.yaml")
    for name in ("cuda", "mps"):
        with pytest.raises(ValueError, match=rf"train\.device is {name}.*set train\.device=auto"):
            choose_device(name)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto")[0] == torch.device("mps")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto")[0] == torch.device("cuda")


@pytest.mark.parametrize(
    ("capabilities", "dtype", "reason"),
    [
        ({"avx512_bf16": True}, torch.bfloat16, "bf16: the CPU (AVX-512 BF16 or AMX) computes in it"),
        ({"amx_bf16": True}, torch.bfloat16, "bf16: the CPU (AVX-512 BF16 or AMX) computes in it"),
        (
            {"avx2": True},
            torch.float32,
            "fp32: the CPU (neither AVX-512 BF16 nor AMX) does not compute in bf16",
        ),
    ],
)
def test_the_precision_is_chosen_with_a_reason(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], dtype: torch.dtype, reason: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert choose_precision("auto", CPU) == (dtype, reason)
    assert choose_precision("bf16", CPU) == (torch.bfloat16, "bf16: set in params.yaml")
    assert choose_precision("fp32", CPU) == (torch.float32, "fp32: set in params.yaml")
    assert choose_precision("auto", torch.device("mps"))[0] is torch.float32


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Let torch have 8 threads for the test, and nobody say anything about threads."""
    before = torch.get_num_threads()
    for name in ("OMP_NUM_THREADS", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    torch.set_num_threads(8)
    yield monkeypatch
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("cores", "given", "processes", "environment", "number"),
    [
        (8, 0, 1, {}, 8),
        (64, 0, 1, {}, 8),
        (2, 0, 1, {}, 2),
        (8, 0, 2, {}, 4),
        (2, 0, 4, {}, 1),
        (2, 5, 1, {}, 5),
        (8, 0, 1, {"OMP_NUM_THREADS": "3"}, 3),
        (2, 0, 1, {"OMP_NUM_THREADS": "3"}, 2),
        (8, 0, 2, {"OMP_NUM_THREADS": "1"}, 1),
        (8, 0, 2, {"OMP_NUM_THREADS": "1", "TORCHELASTIC_RUN_ID": "none"}, 4),
    ],
    ids=[
        "all cores",
        "torch's own choice is kept",
        "a limit",
        "two processes",
        "more processes than cores",
        "the user decides",
        "fewer by OpenMP's variable",
        "more by OpenMP's variable",
        "one for each worker",
        "torchrun's default is nobody's wish",
    ],
)
def test_threads_are_the_cores_that_there_are_to_use(
    threads: pytest.MonkeyPatch,
    cores: int,
    given: int,
    processes: int,
    environment: dict[str, str],
    number: int,
) -> None:
    reason = machine.QUOTA if cores == 2 else ""
    threads.setattr(machine, "cores", lambda: machine.Cores(cores, 64, 64, reason))
    for name, value in environment.items():
        threads.setenv(name, value)
    told = set_threads(given, processes=processes)
    assert torch.get_num_threads() == number
    assert told.startswith(f"{number} thread")
    assert (machine.QUOTA in told) == (cores == 2)
