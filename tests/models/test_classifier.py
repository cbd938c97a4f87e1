"""The classifier: standardisation, views, and loading."""

from pathlib import Path

import numpy as np
import pytest
import torch

from darkroom.models.classifier import load_classifier
from tests.helpers.models import classifier_of, random_images


def test_standardisation_is_the_formula() -> None:
    classifier = classifier_of("fast", (8, 8, 3))
    x = torch.zeros(2, 8, 8, 3, dtype=torch.uint8)
    x[1] = 255
    x[1, 3, 5] = torch.tensor([1, 128, 254])
    expected = (x.numpy() / 255 - np.array([0.4, 0.5, 0.6])) / np.array([0.2, 0.25, 0.3])
    out = classifier.standardise(x)
    assert out.dtype == torch.float32
    np.testing.assert_allclose(out.numpy(), expected.transpose(0, 3, 1, 2), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("architecture", ["fast", "classic"])
def test_two_views_are_invariant_to_mirroring(architecture: str) -> None:
    x = random_images(4, (8, 8, 1))
    with torch.inference_mode():
        two = classifier_of(architecture, views=2)
        torch.testing.assert_close(two.logits(x), two.logits(x.flip(2)))
        one = classifier_of(architecture, views=1)
        assert not torch.allclose(one.logits(x), one.logits(x.flip(2)), atol=1e-4)
        torch.testing.assert_close(two.logits(x), (one.logits(x) + one.logits(x.flip(2))) / 2)


def test_six_views_are_the_image_and_its_shifts_by_a_pixel() -> None:
    x = random_images(4, (8, 8, 1))
    padded = torch.from_numpy(np.pad(x.numpy(), ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect"))
    with torch.inference_mode():
        two, six = (classifier_of("fast", views=views).logits for views in (2, 6))
        expected = 0.5 * two(x) + 0.25 * two(padded[:, :-2, :-2]) + 0.25 * two(padded[:, 2:, 2:])
        torch.testing.assert_close(six(x), expected)
        assert not torch.allclose(six(x), two(x), atol=1e-4)


def test_an_unknown_architecture_and_number_of_views_are_refused() -> None:
    with pytest.raises(ValueError, match="'deep' is unknown: fast, classic, resnet18"):
        classifier_of("deep")
    with pytest.raises(ValueError, match="views is 3"):
        classifier_of("fast", views=3)


def test_the_error_for_a_missing_model_names_the_stage(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run `dvc repro train` first"):
        load_classifier(tmp_path / "model.safetensors", tmp_path / "model_config.json")
