"""Heads on features that are no linear layer: planted labels are learned, written and read again."""

from pathlib import Path

import numpy as np
import pytest
import torch

from darkroom.config import load_params
from darkroom.evaluation.multilabel.average_precision import mean_average_precision
from darkroom.files import read_json
from darkroom.models.classifier import load_classifier
from darkroom.models.feature_heads.net import FeaturesNet
from darkroom.training import feature_head, outputs
from darkroom.training.feature_head import fit_feature_head, logits_of
from darkroom.training.feature_heads import FITS
from darkroom.training.features import OnBackbone, Part
from darkroom.training.head import Labelled, standardisation
from tests.helpers.backbones import coloured_sets, head_classifier, random_weights
from tests.helpers.training import tiny_params

CPU = torch.device("cpu")
# The one that is learned by steps takes a second and more.
EACH = [pytest.param(name, marks=pytest.mark.integration) if name == "metric" else name for name in FITS]
PROJECT = Path(__file__).resolve().parents[2]


def planted(count: int, *, seed: int, labels: int = 6, features: int = 12) -> Labelled:
    """Return features of another scale, of which one is constant, and labels of two of their directions."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, features, generator=generator, dtype=torch.float64)
    ways = torch.randn(2, labels, generator=torch.Generator().manual_seed(99), dtype=torch.float64)
    noise = 0.3 * torch.randn(count, labels, generator=generator, dtype=torch.float64)
    y = (x[:, :2] @ ways + noise > 0.5).to(torch.int8)
    return Labelled(torch.cat([x * 4 + 2, torch.full((count, 1), 7.0)], dim=1), y)


@pytest.mark.parametrize("name", EACH)
def test_planted_labels_are_learned_with_the_strength_of_the_highest_precision(name: str) -> None:
    settings = load_params(PROJECT / "params.yaml").train.model_copy(update={"loss": "binary_cross_entropy"})
    train, validation, new = planted(150, seed=0), planted(80, seed=1), planted(200, seed=2)
    train.labels[:3] = -1  # of which nothing is known
    fit, head = fit_feature_head(train, validation, name=name, settings=settings)
    precisions = [one.score("average_precision") or 0 for one in fit.history]
    mean, scale = standardisation(train.features)

    def precision(images: Labelled) -> float:
        logits = logits_of(head, Labelled((images.features - mean) / scale, images.labels))
        return mean_average_precision(logits.numpy(), images.labels.numpy())

    assert precision(validation) == pytest.approx(max(precisions), abs=1e-6)
    assert precision(new) > 0.8


@pytest.mark.integration
def test_a_fitted_classifier_is_written_and_read_again(tmp_path: Path) -> None:
    weights, split = random_weights(tmp_path), coloured_sets(48)
    classifier, config = head_classifier(weights, split, "bloom")
    params = tiny_params({"model": {"backbone": "efficientnet_lite0"}})
    params = params.model_copy(update={"model": params.model.model_copy(update={"head": "bloom"})})
    params = params.model_copy(
        update={"train": params.train.model_copy(update={"loss": "binary_cross_entropy"})}
    )
    on = OnBackbone(classifier, config, tmp_path / "features", CPU, torch.float32)
    part = Part("training", split, "a" * 64)
    fitted = feature_head.train_feature_head(on, part, part, params=params)
    assert isinstance(classifier.net, FeaturesNet)
    assert len(fitted.by_label) == 3
    config["head_shapes"] = classifier.net.fitted_head().shapes()
    outputs.write_model(classifier, config, tmp_path)
    again = load_classifier(tmp_path / "model.safetensors", tmp_path / "model_config.json")
    images = torch.from_numpy(split.images)
    np.testing.assert_array_equal(again(images).numpy(), classifier(images).numpy())
    assert read_json(tmp_path / "model_config.json")["head_shapes"]["bits"] == [3, 4]
    found = mean_average_precision(again(images).numpy(), split.labels.astype(np.int8))
    assert found == pytest.approx(fitted.best.score("average_precision"), abs=1e-6)
