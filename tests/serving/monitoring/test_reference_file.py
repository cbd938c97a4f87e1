"""A reference read from its file gives the same scores, and other files are refused."""

import json
from pathlib import Path

import pytest

from darkroom.serving.monitoring.drift_score import WINDOW
from darkroom.serving.monitoring.reference_file import read_reference, reference_to_json
from tests.helpers.drift import DriftModel, drift_model, unshifted_images


def test_a_reference_read_from_its_file_gives_the_same_scores(tmp_path: Path) -> None:
    model, unshifted = drift_model(), unshifted_images()[:WINDOW]
    path = tmp_path / "reference.json"
    path.write_text(json.dumps(reference_to_json(model.reference)))
    read = DriftModel(model.folder, model.classifier, read_reference(path))
    assert model.scores(unshifted) == pytest.approx(read.scores(unshifted), abs=0.01)
    assert read.reference.statistics == model.reference.statistics
    assert set(model.reference.statistics) == {
        "class_mix", "confidence", "brightness", "contrast", "saturation", "warmth", "sharpness", "grain",
        "distance", "embedding",
    }  # fmt: skip


def test_a_file_that_is_not_a_reference_or_of_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "reference.json"
    tree = reference_to_json(drift_model().reference)
    for content in ("", "[]", "{}", json.dumps(tree | {"edges": "none", "axes": None})):
        path.write_text(content)
        with pytest.raises(
            ValueError, match=r"(?s)is not a reference for drift .*: run `dvc repro register`"
        ):
            read_reference(path)
    path.write_text(json.dumps(tree))
    with pytest.raises(ValueError, match=r"belongs to the model .* the model beside it has 0000"):
        read_reference(path, sha256="0" * 64)
