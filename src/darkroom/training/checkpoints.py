"""Checkpoints: all that a training needs to continue, one safetensors file an epoch, written atomically.

A training that is stopped within an epoch leaves one more, which is newer than that of the epoch before.
"""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.optim import Optimizer

from darkroom.files import atomic_write

KEPT = 2  # checkpoints: the last one, and the one before it in case the last is damaged

State = Mapping[str, Tensor]

log = logging.getLogger(__name__)


def save_checkpoint(
    folder: Path, epoch: int, states: Mapping[str, State], meta: Mapping[str, Any], *, step: int | None = None
) -> None:
    """Write `states` (by name, each a dict of tensors) and `meta` (JSON-ready) as the checkpoint of `epoch`.

    With `step` it is that of an epoch which was stopped after so many steps.
    The file is written atomically; then all but the last two are removed. Raises OSError, and leaves the
    checkpoints that were there.
    """
    tensors = {
        f"{name}/{key}": value.detach().cpu().contiguous()
        for name, state in states.items()
        for key, value in state.items()
    }
    notes = {"meta": json.dumps(meta), "sha256": _sha256(tensors)}
    # names sort by age: `-` comes before `.`
    name = f"epoch-{epoch:05d}" + ("" if step is None else f"-step-{step:07d}")
    with atomic_write(folder / f"{name}.safetensors") as file:
        file.write(save(tensors, metadata=notes))
    for old in _newest_first(folder)[KEPT:]:
        old.unlink()


def load_checkpoint(folder: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]] | None:
    """Return states and meta of the newest sound checkpoint; None where there is none.

    A damaged one is logged and skipped.
    """
    for path in _newest_first(folder):
        try:
            with safe_open(path, framework="pt") as file:
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  not a dict
                notes = file.metadata()
            meta: dict[str, Any] = json.loads(notes["meta"])
            if notes["sha256"] != _sha256(tensors):
                raise ValueError("its tensors are not those that were written")
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            log.warning("checkpoint %s is damaged (%s): falling back to the one before", path, error)
            continue
        states: dict[str, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            state, _, key = name.partition("/")
            states.setdefault(state, {})[key] = value
        return states, meta
    return None


def optimizer_state(optimizers: Sequence[Optimizer]) -> dict[str, Tensor]:
    """Return the optimizers' tensors, named by optimizer, place of the weight, and key."""
    return {
        f"{number}.{index}.{key}": value
        for number, optimizer in enumerate(optimizers)
        for index, weight in enumerate(_weights(optimizer))
        for key, value in optimizer.state.get(weight, {}).items()
        if value is not None
    }


def load_optimizer_state(optimizers: Sequence[Optimizer], state: State) -> None:
    """Restore what `optimizer_state` returned."""
    for number, optimizer in enumerate(optimizers):
        for index, weight in enumerate(_weights(optimizer)):
            prefix = f"{number}.{index}."
            optimizer.state[weight] = {
                key.removeprefix(prefix): _like(weight, value)
                for key, value in state.items()
                if key.startswith(prefix)
            }


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("epoch-*.safetensors"), reverse=True)


def _sha256(tensors: State) -> str:
    # safetensors has no checksum: a flipped bit would go unnoticed
    return hashlib.sha256(save(dict(tensors))).hexdigest()


def _weights(optimizer: Optimizer) -> list[Tensor]:
    return [weight for group in optimizer.param_groups for weight in group["params"]]


def _like(weight: Tensor, value: Tensor) -> Tensor:
    """Give a state tensor its weight's device and memory layout: another layout rounds differently."""
    if value.shape != weight.shape:
        return value  # a step count
    return torch.empty_like(weight, dtype=value.dtype).copy_(value)
