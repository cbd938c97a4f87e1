"""What a training writes."""

from pathlib import Path

import pytest
import torch

from darkroom.models.classifier import load_classifier
from darkroom.training import outputs
from darkroom.training.history import Epoch, Fit
from tests.helpers.fitting import CPU, same_weights, weights
from tests.helpers.models import classifier_of

FIRST = Epoch(1, 2.0, 0.3, 1.5, 0.4, 0.1, seconds=10.0, images_per_second=100.0)
SECOND = Epoch(2, 1.0, 0.6, 1.2, 0.5, 0.0, seconds=12.5, images_per_second=80.0)


def test_a_written_model_is_loaded_with_the_same_weights(tmp_path: Path) -> None:
    classifier = classifier_of("fast")
    config = {
        "architecture": "fast",
        "channels": 1,
        "classes": ["a", "b", "c", "d", "e"],
        "widths": [6, 10, 12],
        "dropout": 0.3,
        "convolutions": 2,
        "whitening": True,
        "dirac": True,
        "activation": "gelu",
        "mean": [0.4],
        "std": [0.2],
        "views": 1,
    }
    outputs.write_model(classifier, config, tmp_path)
    loaded = load_classifier(tmp_path / "model.safetensors", tmp_path / "model_config.json")
    assert same_weights(weights(loaded), weights(classifier))


def test_the_learning_curve_has_a_row_for_each_epoch() -> None:
    curve = outputs.learning_curve(Fit([FIRST, SECOND], SECOND, stopped_early=False))
    assert list(curve["epoch"]) == [1, 2]
    assert list(curve["validation_accuracy"]) == [0.4, 0.5]


@pytest.mark.parametrize("with_views", [0.55, None])
def test_the_summary_is_of_the_best_epoch(with_views: float | None) -> None:
    classifier = classifier_of("fast")
    fitted = Fit([FIRST, SECOND], SECOND, stopped_early=True)
    summary = outputs.summary(fitted, classifier, accuracy_with_views=with_views)
    assert summary == {
        "best_epoch": 2,
        "epochs": 2,
        "stopped_early": True,
        "validation": {
            "loss": 1.2,
            "accuracy": 0.5,
            "balanced_accuracy": None,
            "accuracy_with_views": with_views,
        },
        "parameters": sum(weight.numel() for weight in classifier.parameters()),
    }


def test_the_timing_holds_what_equal_trainings_differ_in() -> None:
    timing = outputs.timing(
        Fit([FIRST, SECOND], SECOND, stopped_early=True), device=CPU, precision=torch.bfloat16
    )
    assert timing == {
        "device": "cpu",
        "precision": "bfloat16",
        "seconds": 22.5,
        "epochs": [
            {
                "epoch": epoch.epoch,
                "seconds": epoch.seconds,
                "images_per_second": epoch.images_per_second,
            }
            for epoch in (FIRST, SECOND)
        ],
    }


def test_the_last_line_is_about_the_best_epoch_or_a_final_fit() -> None:
    fitted = Fit([FIRST, SECOND], FIRST, stopped_early=False)
    assert outputs.result_line(fitted, views=6, accuracy_with_views=0.45) == (
        "best epoch 1 of 2: 40.00% validation accuracy, 45.00% with 6 views"
    )
    last = Epoch(1, 2.0, 0.3, None, None, 0.1, seconds=10.0, images_per_second=100.0)
    final = Fit([last], last, stopped_early=False)
    assert outputs.result_line(final, views=6, accuracy_with_views=None) == (
        "trained on validation images too: the last of 1 epochs is kept"
    )
