"""The weights of a backbone as the stage `backbone` keeps them."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from darkroom import UserError
from darkroom.models.backbones.folder import read_weights, write_weights
from tests.helpers.backbones import LITE0, random_tensors, random_weights


def test_what_is_written_is_read_and_equal_weights_are_equal_bytes(tmp_path: Path) -> None:
    weights = random_weights(tmp_path)
    for name in ("one", "other"):
        write_weights(tmp_path / name, weights)
    again = read_weights(tmp_path / "one", LITE0)
    assert again.description() == weights.description()
    assert all(torch.equal(again.tensors[name], tensor) for name, tensor in weights.tensors.items())
    for file in ("about.json", "weights.safetensors"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()


def test_another_backbone_s_and_changed_weights_are_refused(tmp_path: Path) -> None:
    write_weights(tmp_path / "kept", random_weights(tmp_path))
    with pytest.raises(UserError, match="efficientnet_lite0, not of other: run `dvc repro"):
        read_weights(tmp_path / "kept", replace(LITE0, name="other"))
    save_file(random_tensors(1), tmp_path / "kept" / "weights.safetensors")
    with pytest.raises(UserError, match="has changed: its SHA-256"):
        read_weights(tmp_path / "kept", LITE0)
