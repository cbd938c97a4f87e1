"""The device and the precision, each with its reason."""

import pytest
import torch

from darkroom.models.hardware import choose_device, choose_precision
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
