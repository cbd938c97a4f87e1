"""A classifier of several labels: a sigmoid for each, calibrated, in torch and in the exported graph."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from darkroom.data.splits import Split
from darkroom.files import write_json
from darkroom.models.classifier import Classifier, load_classifier
from darkroom.models.exporting.onnx_graph import export_onnx
from darkroom.models.exporting.parity import parity
from darkroom.models.structures.fitting import fit_structure, to_json
from darkroom.training.outputs import write_model
from tests.helpers.models import classifier_of, random_images

SHAPE = (8, 8, 1)
CALIBRATION = {"slope": [2.0, 1.0, 0.5, 1.0, 3.0], "offset": [0.0, 1.0, -1.0, 0.5, 0.0]}


def several() -> Classifier:
    net = classifier_of("classic", SHAPE).net
    return Classifier(net, mean=[0.4], std=[0.2], views=2, several=True).eval()


def test_probabilities_are_sigmoids_of_slope_and_offset() -> None:
    classifier, images = several(), random_images(3, SHAPE)
    with torch.inference_mode():
        logits = classifier.logits(images)
        torch.testing.assert_close(classifier(images), torch.sigmoid(logits))
        classifier.calibrate(CALIBRATION)
        expected = torch.sigmoid(
            logits * torch.tensor(CALIBRATION["slope"]) + torch.tensor(CALIBRATION["offset"])
        )
        torch.testing.assert_close(classifier(images), expected)
        assert (classifier(images).sum(1) - 1).abs().max() > 0.01  # no softmax


def test_weights_have_no_calibration_and_are_read_with_it(tmp_path: Path) -> None:
    classifier = several()
    config = {
        "architecture": "classic",
        "labels": "several",
        "classes": list("abcde"),
        "widths": [6, 10, 12],
        "dropout": 0.3,
        "hidden": 16,
        "convolutions": 2,
        "whitening": True,
        "dirac": True,
        "activation": "gelu",
        "mean": [0.4],
        "std": [0.2],
        "views": 2,
        "height": 8,
        "width": 8,
        "channels": 1,
    }
    write_model(classifier, config, tmp_path)
    write_json(tmp_path / "calibration.json", CALIBRATION)
    read = load_classifier(
        tmp_path / "model.safetensors", tmp_path / "model_config.json", tmp_path / "calibration.json"
    )
    assert read.several
    classifier.calibrate(CALIBRATION)
    images = random_images(2, SHAPE)
    with torch.inference_mode():
        assert torch.equal(read(images), classifier(images))


def structured(name: str) -> dict[str, Any]:
    """Return a calibration with a structure that was fitted to drawn labels, of which some go together."""
    random = np.random.default_rng(0)
    labels = (random.random((60, 5)) < 0.5).astype(np.int8)
    labels[:, 1] = labels[:, 0]
    logits = 2 * labels - 1 + random.normal(size=labels.shape)
    return {**CALIBRATION, "structure": to_json(fit_structure(name, logits, labels, labels, seed=0))}


def test_a_structure_comes_after_slope_and_offset() -> None:
    classifier, images = several(), random_images(3, SHAPE)
    calibration = structured("label_sets")
    with torch.inference_mode():
        classifier.calibrate(CALIBRATION)
        alone = classifier(images)
        classifier.calibrate(calibration)
        assert classifier.structure is not None
        torch.testing.assert_close(classifier(images), classifier.structure(alone.logit()))
        assert (classifier(images) - alone).abs().max() > 0.01
    assert not [key for key in classifier.state_dict() if "structure" in key]
    classifier.calibrate(CALIBRATION)
    assert classifier.structure is None


@pytest.mark.integration
@pytest.mark.parametrize(
    "structure",
    [
        "none",
        "crf",
        pytest.param("chain", marks=pytest.mark.slow),
        pytest.param("matrix_completion", marks=pytest.mark.slow),
    ],
)
def test_the_exported_graph_gives_the_same_probabilities_and_heat_maps(
    structure: str, tmp_path: Path
) -> None:
    classifier = several()
    classifier.calibrate(CALIBRATION if structure == "none" else structured(structure))
    export_onnx(classifier, tmp_path / "model.onnx", height=8, width=8, channels=1)
    images = random_images(9, SHAPE).numpy()
    split = Split(images, np.zeros((9, 5), dtype=np.int8))
    report = parity(classifier, tmp_path / "model.onnx", split, tolerance=1e-4)
    assert report["worst_difference"] <= 1e-4
