"""The batches of an epoch."""

import pytest
import torch

from darkroom.models.classifier import Classifier
from darkroom.models.networks.resnet18 import ResNet18
from darkroom.training.batches import standardise


@pytest.mark.parametrize("shape", [(3, 8, 6, 3), (2, 5, 1, 3), (4, 6, 6, 1)])
def test_batches_are_standardised_to_the_bit_as_in_prediction(shape: tuple[int, ...]) -> None:
    channels = shape[-1]
    mean, std = [0.4914, 0.4822, 0.4465][:channels], [0.2470, 0.2435, 0.2616][:channels]
    net = ResNet18(channels=channels, classes=2, dropout=0.0, height=shape[1], width=shape[2])
    classifier = Classifier(net, mean=mean, std=std, views=1)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    before = images.clone()
    found = standardise(images, mean=classifier.mean, std=classifier.std)
    assert found.dtype == torch.float32
    assert torch.equal(found, classifier.standardise(images))
    assert found.stride() == classifier.standardise(images).stride(), "channels-last, as convolutions want it"
    assert torch.equal(images, before)
