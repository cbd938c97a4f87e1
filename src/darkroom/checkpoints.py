"""Checkpoints: everything a training needs to go on, in one safetensors file written atomically."""

import hashlib
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim import Optimizer

from darkroom.files import atomic_write, sha256_file

log = logging.getLogger(__name__)


def fingerprint(settings: Mapping[str, Any], data: Sequence[str]) -> str:
    """Return a name for what a run rests on: settings, hashes of the data, and the code loaded here.

    A checkpoint is resumed under the same name alone.
    """
    code = {
        name: sha256_file(Path(file))
        for name, module in sorted(sys.modules.items())
        # a stage's own script runs under the name __main__
        if name.partition(".")[0] in ("darkroom", "pipeline", "__main__")
        and (file := getattr(module, "__file__", None))
    }
    rests_on = {"settings": settings, "data": list(data), "code": code, "torch": str(torch.__version__)}
    return hashlib.sha256(json.dumps(rests_on, sort_keys=True).encode()).hexdigest()[:16]


def save_checkpoint(
    path: Path, net: nn.Module, optimizers: Sequence[Optimizer], meta: Mapping[str, Any]
) -> None:
    """Write weights, the optimizers' state and `meta` (JSON-ready) to `path`, whole or not at all."""
    tensors = {f"net.{key}": value for key, value in net.state_dict().items()}
    for number, optimizer in enumerate(optimizers):
        for index, weight in enumerate(_weights(optimizer)):
            for key, value in optimizer.state.get(weight, {}).items():
                if value is not None:
                    tensors[f"optimizer.{number}.{index}.{key}"] = value
    contiguous = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    with atomic_write(path) as file:
        file.write(save(contiguous, metadata={"meta": json.dumps(meta)}))


def load_checkpoint(path: Path, net: nn.Module, optimizers: Sequence[Optimizer]) -> dict[str, Any] | None:
    """Load `path` into the net and the optimizers and return its meta; None where there is none to use.

    A damaged file is reported and passed over.
    """
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  not a dict
            meta: dict[str, Any] = json.loads(file.metadata()["meta"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        log.warning("checkpoint %s is damaged (%s): starting afresh", path, error)
        return None
    net.load_state_dict({key[4:]: value for key, value in tensors.items() if key.startswith("net.")})
    for number, optimizer in enumerate(optimizers):
        for index, weight in enumerate(_weights(optimizer)):
            prefix = f"optimizer.{number}.{index}."
            optimizer.state[weight] = {
                key.removeprefix(prefix): _like(weight, value)
                for key, value in tensors.items()
                if key.startswith(prefix)
            }
    return meta


def _weights(optimizer: Optimizer) -> list[Tensor]:
    return [weight for group in optimizer.param_groups for weight in group["params"]]


def _like(weight: Tensor, value: Tensor) -> Tensor:
    """Give a state tensor its weight's device and memory layout: another layout rounds otherwise."""
    if value.shape != weight.shape:
        return value  # a step count
    return torch.empty_like(weight, dtype=value.dtype).copy_(value)
