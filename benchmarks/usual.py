"""A usual training script: torchvision's ResNet-18, transforms and DataLoader workers, SGD, fp32.

`benchmarks.training` compares Darkroom's own trainer with it. They share no code.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import models, transforms

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
BATCH = 128
RATE = 0.1


class Images(Dataset[tuple[Any, int]]):
    """Images uint8 [N,H,W,C] with labels; each image is transformed when it is read."""

    def __init__(
        self, images: NDArray[np.uint8], labels: NDArray[np.int64], transform: Callable[[Any], Any]
    ) -> None:
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        image = transforms.functional.to_pil_image(np.array(self.images[index]))
        return self.transform(image), int(self.labels[index])


def build() -> nn.Module:
    """Return ResNet-18 with a stem for 32x32 images."""
    net: nn.Module = models.resnet18(num_classes=10)
    net.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    net.maxpool = nn.Identity()
    return net


def seconds_a_step(
    images: NDArray[np.uint8], labels: NDArray[np.int64], *, steps: int, workers: int
) -> list[float]:
    """Train for `steps` steps, after two that are not counted; return the seconds of each."""
    transform = transforms.Compose(
        [
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    loader = DataLoader(
        Images(images, labels, transform),
        batch_size=BATCH,
        shuffle=True,
        num_workers=workers,
        drop_last=True,
    )
    net = build().train()
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=0.9, weight_decay=5e-4)
    loss_of = nn.CrossEntropyLoss()
    seconds, started = [], time.perf_counter()
    for step, (batch, targets) in enumerate(loader):
        optimizer.zero_grad()
        loss_of(net(batch), targets).backward()
        optimizer.step()
        now = time.perf_counter()
        if step >= 2:
            seconds.append(now - started)
        if len(seconds) == steps:
            break
        started = now
    return seconds
