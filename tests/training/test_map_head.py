"""The training of heads on kept maps: what is kept, what is learned, and what an equal seed gives."""

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from darkroom import stopping
from darkroom.data.splits import Split, split_sha256
from darkroom.evaluation.multilabel.average_precision import mean_average_precision
from darkroom.files import write_array
from darkroom.models.classifier import Classifier, load_classifier
from darkroom.models.heads import HEADS
from darkroom.models.heads.net import MapsNet
from darkroom.models.heatmaps import with_heat_maps
from darkroom.models.inference import predict_logits
from darkroom.training import features, map_head, outputs
from darkroom.training.features import OnBackbone, Part
from darkroom.training.history import TrainingError
from darkroom.training.map_head import MapHead, MapHeadFit, fit_map_head, train_map_head
from darkroom.training.maps import KeptMaps, maps_of, moments
from tests.helpers.backbones import backbone_params, coloured_sets, head_classifier, random_weights

CPU = torch.device("cpu")
FEATURES, SIDE = 6, 3


def settings(**changes: Any) -> Any:
    several = {"loss": "binary_cross_entropy", "label_smoothing": 0.0, "best_by": "average_precision"}
    return backbone_params().train.model_copy(update=several | changes)


def kept(folder: Path, maps: torch.Tensor, *, chunk: int = 50) -> KeptMaps:
    """Write maps as files of `chunk` images and open them."""
    folder.mkdir(parents=True)
    paths = []
    for start in range(0, len(maps), chunk):
        paths.append(folder / f"{start}.npy")
        write_array(paths[-1], maps[start : start + chunk].numpy().astype(np.float16))
    return KeptMaps(paths, chunk=chunk)


def made(folder: Path, count: int, *, seed: int) -> tuple[KeptMaps, torch.Tensor]:
    """Return maps of which three light up somewhere where an image has the label, and the labels."""
    random = np.random.default_rng(seed)
    labels = (random.random((count, 3)) < 0.4).astype(np.int8)
    maps = random.normal(size=(count, FEATURES, SIDE, SIDE)).astype(np.float32) * 0.5 + 2
    for image, label in zip(*np.nonzero(labels), strict=True):
        maps[image, label, random.integers(SIDE), random.integers(SIDE)] += 4
    return kept(folder, torch.from_numpy(maps)), torch.from_numpy(labels)


def net_of(name: str) -> MapsNet:
    torch.manual_seed(0)
    trunk: Any = torch.nn.Identity()
    return MapsNet(trunk, HEADS[name](FEATURES, 3, SIDE, SIDE), features=FEATURES, labels=3)


@pytest.mark.integration
@pytest.mark.parametrize("name", HEADS)
def test_each_head_learns_and_keeps_its_best_pass(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_head, "PASSES", 6)
    monkeypatch.setattr(map_head, "RATE", 0.01)
    monkeypatch.setattr(map_head, "MEMORY", 2)
    train, validation = made(tmp_path / "train", 130, seed=0), made(tmp_path / "validation", 60, seed=1)
    net, shown = net_of(name), list[MapHead]()
    fitted = fit_map_head(net, [train[0]], train[1], *validation, settings=settings(), on_epoch=shown.append)
    assert fitted.history == shown
    best = max(one.validation_average_precision or 0 for one in shown)
    assert fitted.best.score("average_precision") == best > 0.6
    logits = map_head._logits(net, validation[0], CPU)
    found = mean_average_precision(logits.numpy(), validation[1].numpy())
    assert found == pytest.approx(best, abs=1e-6), "it has the weights of the best pass"


def test_an_equal_seed_gives_equal_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_head, "PASSES", 2)
    train, validation = made(tmp_path / "train", 70, seed=0), made(tmp_path / "validation", 30, seed=1)
    found = []
    for seed in (0, 0, 1):
        net = net_of("hypotheses")
        fit_map_head(net, [train[0]] * 2, train[1], *validation, settings=settings(), seed=seed)
        found.append(net.of_maps(validation[0].take([0, 1])))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_patience_ends_the_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_head, "PATIENCE", 2)
    monkeypatch.setattr(map_head, "RATE", 0.0)  # nothing is learned, so the first pass stays the best
    train, validation = made(tmp_path / "train", 70, seed=0), made(tmp_path / "validation", 30, seed=1)
    fitted = fit_map_head(net_of("gcn"), [train[0]], train[1], *validation, settings=settings())
    assert (len(fitted.history), fitted.best.epoch, fitted.stopped_early) == (3, 1, True)


def test_moments_are_those_of_all_places(tmp_path: Path) -> None:
    maps = torch.randn(9, 4, 2, 2) * torch.tensor([1.0, 5, 0.1, 0]).view(1, 4, 1, 1) + 3
    mean, deviation = moments([kept(tmp_path / "kept", maps, chunk=4)], batch=2)
    torch.testing.assert_close(mean.flatten(), maps.mean((0, 2, 3)), atol=1e-2, rtol=0)
    expected = maps.transpose(0, 1).flatten(1).std(1, correction=0)
    torch.testing.assert_close(deviation.flatten()[:3], expected[:3], atol=1e-2, rtol=0)
    assert deviation.flatten()[3] == 1, "of a constant map"


def test_what_half_precision_does_not_hold_is_told(tmp_path: Path) -> None:
    maps = torch.full((2, 1, 1, 1), torch.inf)
    with pytest.raises(TrainingError, match=r"not finite in half precision.*model.head=linear"):
        moments([kept(tmp_path / "kept", maps)])


@pytest.mark.ci  # a backbone takes seconds
def test_stage_train_with_a_backbone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps are kept and read again after a stop; predictions and reports are those of the trained head."""
    monkeypatch.setattr(map_head, "PASSES", 2)
    monkeypatch.setattr(features, "CHUNK", 8)
    train, validation = coloured_sets(12, side=64), coloured_sets(6, seed=1, side=64)
    hashes = []
    for name, split in (("train", train), ("validation", validation)):
        write_array(tmp_path / name / "images.npy", split.images)
        write_array(tmp_path / name / "labels.npy", split.labels)
        hashes.append(split_sha256(tmp_path / name))
    classifier, config = head_classifier(random_weights(tmp_path), train, "gcn")
    params = backbone_params().model_copy(update={"train": settings()})
    on = OnBackbone(classifier, config, tmp_path / "features", CPU, torch.float32)
    parts = Part("training", train, hashes[0]), Part("validation", validation, hashes[1])
    compute = features._compute

    def stopped_in_the_second(part: Split, *arguments: Any) -> Any:
        if len(part) < 8:
            raise stopping.Stopped(signal.SIGTERM)
        return compute(part, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(features, "_compute", stopped_in_the_second)
        with pytest.raises(stopping.Stopped, match="after 8 of 12 maps of the training images"):
            maps_of(parts[0], on)
    fitted = train_map_head(on, *parts, params=params)
    assert isinstance(fitted, MapHeadFit)
    assert outputs.summary(fitted, classifier, accuracy_with_views=0.5)["validation"].keys() == {
        "loss",
        "accuracy",
        "average_precision",
        "average_precision_with_views",
    }
    assert "feature_seconds" in outputs.timing(fitted, device=CPU, precision=torch.float32)
    assert outputs.progress_line(fitted.history[0], 1).startswith("pass  1")
    outputs.write_model(classifier, config, tmp_path)
    read = load_classifier(tmp_path / "model.safetensors", tmp_path / "model_config.json")
    kept_maps = maps_of(parts[1], on)
    net = classifier.net
    assert isinstance(net, MapsNet)
    with torch.inference_mode():
        of_kept = net.of_maps(kept_maps.take(range(6))).numpy()
    logits = predict_logits(read, validation, device=CPU)
    np.testing.assert_allclose(logits, of_kept, atol=0.02 * float(np.abs(of_kept).max()))
    heat_maps_sum_to_the_logits(read, validation)


def heat_maps_sum_to_the_logits(classifier: Classifier, split: Split) -> None:
    with_heat = with_heat_maps(classifier, height=64, width=64)
    assert with_heat is not None
    net = classifier.net
    assert isinstance(net, MapsNet)
    images = torch.from_numpy(split.images)
    with torch.inference_mode():
        maps = net.maps(classifier.standardise(images))
        parts = with_heat.by_place(maps).sum((2, 3))
        offset = classifier.logits(images) - parts
    torch.testing.assert_close(offset, offset[:1].expand_as(offset), atol=1e-2, rtol=1e-3)
