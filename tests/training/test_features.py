"""The features of a backbone: kept, resumed, and never those of something else."""

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from darkroom import stopping
from darkroom.data.splits import Split, split_sha256
from darkroom.files import write_array
from darkroom.models.backbones import compiled
from darkroom.training import features
from darkroom.training.features import OnBackbone, Part, features_of
from tests.helpers.backbones import backbone_classifier, coloured, random_weights

CPU = torch.device("cpu")


def computed(
    folder: Path,
    split: Split,
    *,
    seed: int = 0,
    precision: torch.dtype = torch.float32,
    mirrored: bool = False,
    first: int = 0,
) -> NDArray[np.float32]:
    """Return the features of a split as the stage train computes them, kept in `folder`."""
    place = folder / "split"
    write_array(place / "images.npy", split.images)
    write_array(place / "labels.npy", split.labels)
    classifier, config = backbone_classifier(random_weights(folder, seed=seed), split)
    part = Part("training", split.first(first), split_sha256(place), mirrored)
    return features_of(part, OnBackbone(classifier, config, folder / "features", CPU, precision))


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count how many images were computed, by call."""
    counted: list[int] = []
    compute = features._compute

    def counting(split: Split, *arguments: Any) -> NDArray[np.float32]:
        counted.append(len(split))
        return compute(split, *arguments)

    monkeypatch.setattr(features, "_compute", counting)
    return counted


def test_they_are_computed_once(tmp_path: Path, runs: list[int]) -> None:
    split = coloured(5)
    first, again = computed(tmp_path, split), computed(tmp_path, split)
    assert (first.shape, str(first.dtype), runs) == ((5, 1280), "float32", [5])
    assert np.array_equal(first, again)
    assert np.ptp(first, axis=0).max() > 0, "images differ"


@pytest.mark.integration  # takes seconds
def test_they_are_never_stale(tmp_path: Path, runs: list[int]) -> None:
    split = coloured(5)
    first = computed(tmp_path, split)
    one_pixel = split.images.copy()
    one_pixel[3, 7, 9, 1] ^= 64
    changed = computed(tmp_path, Split(one_pixel, split.labels))
    assert [not np.array_equal(a, b) for a, b in zip(first, changed, strict=True)] == [False] * 3 + [
        True,
        False,
    ]
    other: list[dict[str, Any]] = [
        {"split": coloured(5, side=40)},
        {"split": split, "seed": 1},
        {"split": split, "precision": torch.bfloat16},
        {"split": split, "mirrored": True},
    ]
    for changes in other:
        found = computed(tmp_path, **changes)
        assert not np.array_equal(found, first), changes
    few = computed(tmp_path, split, first=3)
    np.testing.assert_allclose(few, first[:3], atol=1e-4)
    assert runs == [5, 5, 5, 5, 5, 5, 3], "each was computed"


def test_changed_code_computes_them_again(
    tmp_path: Path, runs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    split = coloured(3)
    computed(tmp_path, split)
    monkeypatch.setattr(features, "sha256_file", lambda path: "another file")
    computed(tmp_path, split)
    assert runs == [3, 3]


def test_a_stopped_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "CHUNK", 4)
    split, compute = coloured(10), features._compute
    whole = computed(tmp_path / "whole", split)
    counted: list[int] = []

    def stopped_in_the_second(part: Split, *arguments: Any) -> NDArray[np.float32]:
        counted.append(len(part))
        if len(counted) == 2:
            raise stopping.Stopped(signal.SIGTERM)
        return compute(part, *arguments)

    monkeypatch.setattr(features, "_compute", stopped_in_the_second)
    with pytest.raises(stopping.Stopped, match="after 4 of 10 features of the training images"):
        computed(tmp_path, split)
    assert np.array_equal(computed(tmp_path, split), whole)
    assert counted == [4, 4, 4, 2]


@pytest.mark.parametrize(
    ("device", "precision", "images", "quick"),
    [
        ("cpu", torch.float32, 80, True),
        ("cpu", torch.float32, 79, False),
        ("cpu", torch.bfloat16, 80, False),
        ("cuda", torch.float32, 80, False),
    ],
)
def test_openvino_computes_many_in_fp32_on_a_cpu(
    device: str, precision: torch.dtype, images: int, quick: bool
) -> None:
    assert features.How(torch.device(device), precision, images, (224, 224, 3)).quick is quick


@pytest.mark.ci  # compiling takes seconds
def test_features_by_openvino_are_those_of_torch_and_kept_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: list[int]
) -> None:
    split = coloured(5)
    by_torch = [computed(tmp_path, split, mirrored=mirrored) for mirrored in (False, True)]
    monkeypatch.setattr(compiled, "PAYS_FROM", 1)
    quick = [computed(tmp_path, split, mirrored=mirrored) for mirrored in (False, True)]
    for one, other in zip(quick, by_torch, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4 * np.abs(other).max())
    assert runs == [5, 5, 5, 5]
    compiled._LAST.clear()
