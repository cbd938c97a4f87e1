"""What the tests of the training loop share: a tiny training on the digits."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from darkroom.models.classifier import Classifier
from darkroom.training.history import Fit
from darkroom.training.loop import fit
from darkroom.training.start import model_config, new_classifier
from tests.helpers.training import digits_splits, tiny_params

CPU = torch.device("cpu")


def train_digits(
    changes: Mapping[str, Any] | None = None, *, images: int = 0, validation: int | None = 0, **options: Any
) -> tuple[Classifier, Fit]:
    """Train a fresh classifier on the first `images` digits; 0 is all, and None validates on none."""
    params = tiny_params(changes)
    parts = digits_splits()
    train, validating = (
        parts[0].first(images),
        None if validation is None else parts[1].first(validation),
    )
    classifier = new_classifier(model_config(params, parts[2]), train, seed=params.seed)
    result = fit(classifier, train, validating, params=params, device=CPU, precision=torch.float32, **options)
    return classifier, result


def weights(classifier: Classifier) -> dict[str, Tensor]:
    """Return a copy of a classifier's weights by name."""
    return {key: value.detach().clone() for key, value in classifier.state_dict().items()}


def same_weights(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Return whether two sets of weights are equal bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)
