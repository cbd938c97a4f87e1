"""Every name that params.yaml accepts is implemented, and every implementation can be named."""

from collections.abc import Iterable
from typing import Literal, get_args, get_origin

import pytest

from darkroom.config.base import Section
from darkroom.config.contradictions import LABEL_LOSSES, OWN_LOSS
from darkroom.config.data import PUBLISHED
from darkroom.config.model import Model
from darkroom.config.train import Train
from darkroom.data.sources import SOURCES
from darkroom.models.feature_heads import FEATURE_HEADS
from darkroom.models.heads import HEADS
from darkroom.models.networks import NETWORKS
from darkroom.models.networks.fast import ACTIVATIONS
from darkroom.models.structures import STRUCTURES
from darkroom.training.feature_heads import FITS
from darkroom.training.label_heads import LABEL_HEADS
from darkroom.training.losses import LOSSES, multilabel
from darkroom.training.optimizers import OPTIMIZERS


def literals(annotation: object) -> list[str]:
    """Return the texts that a Literal, or a union of several, allows."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [text for one in get_args(annotation) for text in literals(one)]


@pytest.mark.parametrize(
    ("section", "name", "implemented"),
    [
        (Model, "architecture", NETWORKS),
        (Model, "activation", ACTIVATIONS),
        (Model, "head", ["linear", *HEADS, *LABEL_HEADS, *FEATURE_HEADS]),
        (Model, "structure", ["none", *STRUCTURES]),
        (Train, "loss", {**LOSSES, **multilabel.LOSSES}),
        (Train, "optimizer", OPTIMIZERS),
    ],
    ids=[
        "model.architecture",
        "model.activation",
        "model.head",
        "model.structure",
        "train.loss",
        "train.optimizer",
    ],
)
def test_the_names_in_config_are_the_names_of_the_implementations(
    section: type[Section], name: str, implemented: Iterable[str]
) -> None:
    assert set(literals(section.model_fields[name].annotation)) == set(implemented)


def test_the_published_data_sets_are_the_sources() -> None:
    assert set(PUBLISHED) == set(SOURCES)


def test_the_losses_of_several_labels_are_known_to_the_parameters() -> None:
    assert tuple(multilabel.LOSSES) == LABEL_LOSSES
    assert not set(multilabel.LOSSES) & set(LOSSES)


def test_the_heads_that_embed_labels_are_known_to_the_parameters() -> None:
    assert set(OWN_LOSS) == {*LABEL_HEADS, *FEATURE_HEADS, "cnn_rnn", "cnn_rnn_frequency"}
    assert set(FITS) == set(FEATURE_HEADS)
