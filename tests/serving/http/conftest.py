"""A small model for the tests of the routes."""

import pytest

from darkroom.serving.prediction.model import Classifier
from tests.helpers.serving import CIFAR, write_champion


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    """A model of the CIFAR-10 classes with heat maps, without a card."""
    folder = tmp_path_factory.mktemp("app")
    write_champion(folder, name="cifar10", classes=CIFAR, height=32, width=32, channels=3, heat=True)
    return Classifier(folder, threads=1)
