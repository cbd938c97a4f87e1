"""What an epoch shows to the net, and which layers it trains."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from darkroom.training.history import Epoch, TrainingError
from darkroom.training.loop import fit
from darkroom.training.start import model_config, new_classifier
from tests.helpers.fitting import CPU
from tests.helpers.training import ADAM, digits_splits, tiny_params

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_net_sees_each_image_once_an_epoch_standardised_as_in_prediction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Training images are standardised as in prediction; validation images are only standardised."""
    parts = digits_splits()
    train, validation = parts[0].first(100), parts[1].first(60)
    params = tiny_params(
        {"augment": {"translate": 0}, "train": {"epochs": 2, "batch_size": 50}},
    )
    classifier = new_classifier(model_config(params, parts[2]), train, seed=0)
    seen: dict[bool, list[Tensor]] = {True: [], False: []}
    classifier.net.register_forward_pre_hook(
        lambda net, inputs: seen[net.training].append(inputs[0].detach().clone())
    )
    fit(classifier, train, validation, params=params, device=CPU, precision=torch.float32)

    def rows(batch: Tensor) -> list[bytes]:
        return [row.contiguous().numpy().tobytes() for row in batch]

    standard = {
        loop: rows(classifier.standardise(torch.from_numpy(np.array(split.images))))
        for loop, split in ((True, train), (False, validation))
    }
    for epoch in (0, 1):
        trained = rows(torch.cat(seen[True][2 * epoch : 2 * epoch + 2]))
        assert sorted(trained) == sorted(standard[True]), "each image once an epoch"
        assert trained != standard[True], "in another order"
        assert rows(seen[False][epoch]) == standard[False]
    assert rows(torch.cat(seen[True][:2])) != rows(torch.cat(seen[True][2:])), "in another order each epoch"


def test_only_training_images_are_augmented(monkeypatch: pytest.MonkeyPatch) -> None:
    validation = digits_splits()[1]
    seen: dict[bool, list[Tensor]] = {True: [], False: []}
    params = tiny_params(
        {"augment": {"flip": "alternating", "translate": 2, "cutout": 3}, "train": {"epochs": 1}}
    )
    train = digits_splits()[0].first(128)
    classifier = new_classifier(model_config(params, digits_splits()[2]), train, seed=0)
    classifier.net.register_forward_pre_hook(
        lambda net, inputs: seen[net.training].append(inputs[0].detach().clone())
    )
    fit(classifier, train, validation, params=params, device=CPU, precision=torch.float32)
    images = classifier.standardise(torch.from_numpy(np.array(validation.images)))
    assert torch.equal(torch.cat(seen[False]), images)
    plain = classifier.standardise(torch.from_numpy(np.array(train.images)))
    known = {row.contiguous().numpy().tobytes() for row in plain}
    changed = [row.contiguous().numpy().tobytes() not in known for row in torch.cat(seen[True])]
    assert sum(changed) > 100


@pytest.mark.parametrize("architecture", ["fast", "classic"])
def test_the_first_epochs_are_of_low_resolution(architecture: str) -> None:
    params = tiny_params(
        {
            "model": {"architecture": architecture},
            "train": {**ADAM, "epochs": 3, "low_resolutions": [4, 6]},
        }
    )
    parts = digits_splits()
    train = parts[0].first(64)
    classifier = new_classifier(model_config(params, parts[2]), train, seed=0)
    sides: list[tuple[bool, int]] = []
    classifier.net.register_forward_pre_hook(
        lambda net, inputs: sides.append((net.training, inputs[0].shape[2]))
    )
    fit(classifier, train, parts[1].first(64), params=params, device=CPU, precision=torch.float32)
    assert sides == [(True, 4), (False, 8), (True, 6), (False, 8), (True, 8), (False, 8)]


def test_full_size_epochs_see_the_hardest_images() -> None:
    plain = {"flip": "none", "translate": 0, "cutout": 0}
    # the first epoch's low resolution is that of the images: it sees them all, and as they are
    settings = {**ADAM, "epochs": 3, "low_resolutions": [8], "hardest_share": 0.4, "batch_size": 20}
    params = tiny_params({"model": {"dropout": 0.0}, "augment": plain, "train": settings})
    parts = digits_splits()
    train = parts[0].first(100)
    classifier = new_classifier(model_config(params, parts[2]), train, seed=0)
    images = classifier.standardise(torch.from_numpy(np.array(train.images)))
    row_of = {image.numpy().tobytes(): row for row, image in enumerate(images)}
    assert len(row_of) == 100
    shown: list[tuple[int, float]] = []  # row and loss

    def note(net: torch.nn.Module, inputs: tuple[Tensor], logits: Tensor) -> None:
        if net.training:
            rows = [row_of[image.contiguous().numpy().tobytes()] for image in inputs[0]]
            labels = torch.from_numpy(train.labels[rows])
            losses = torch.nn.functional.cross_entropy(logits.detach(), labels, reduction="none")
            shown.extend(zip(rows, losses.tolist(), strict=True))

    classifier.net.register_forward_hook(note)
    fit(classifier, train, None, params=params, device=CPU, precision=torch.float32)
    epochs = [shown[:100], shown[100:140], shown[140:]]
    assert [len({row for row, _ in epoch}) for epoch in epochs] == [100, 40, 40]
    last = dict(epochs[0])
    for epoch in epochs[1:]:
        hardest = sorted(last, key=lambda row: -last[row])[:40]
        assert {row for row, _ in epoch} == set(hardest)
        last |= dict(epoch)
    assert {row for row, _ in epochs[2]} != {row for row, _ in epochs[1]}, "others have become the hardest"


@pytest.mark.parametrize("optimizer", ["muon", "sgd"])
def test_the_first_layers_are_frozen_after_their_share(optimizer: str) -> None:
    params = tiny_params(
        {"train": {"optimizer": optimizer, "learning_rate": 0.02, "epochs": 4, "first_block_until": 0.5}}
    )
    parts = digits_splits()
    train = parts[0].first(128)
    classifier = new_classifier(model_config(params, parts[2]), train, seed=0)
    after: list[dict[str, Tensor]] = []

    def note(_: Epoch) -> None:
        after.append({name: weight.detach().clone() for name, weight in classifier.net.named_parameters()})

    fit(classifier, train, None, params=params, device=CPU, precision=torch.float32, on_epoch=note)
    assert not any(name.startswith(("whitening", "blocks.0")) for name in moved(after[1], after[3]))
    assert {"blocks.1.conv1.weight", "head.weight"} <= moved(after[1], after[3])
    assert {"blocks.0.conv1.weight", "blocks.0.norm1.bias"} <= moved(after[0], after[1])


def moved(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> set[str]:
    return {name for name, weight in before.items() if not torch.equal(weight, after[name])}


def test_a_loss_that_is_not_finite_names_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = digits_splits()
    params = tiny_params({"train": {"batch_size": 50, "learning_rate": 0.07}})
    train = parts[0].first(100)
    classifier = new_classifier(model_config(params, parts[2]), train, seed=0)
    calls = []

    def spoil(net: torch.nn.Module, _: object, logits: Tensor) -> Tensor:
        if net.training:
            calls.append(1)
        return logits * math.nan if len(calls) == 4 else logits

    classifier.net.register_forward_hook(spoil)
    message = (
        r"nan at step 2 of epoch 2, a batch of 50 \(rows (\d+, ){5}… .*train\.learning_rate \(now 0\.07\)"
    )
    with pytest.raises(TrainingError, match=message):
        fit(classifier, train, parts[1], params=params, device=CPU, precision=torch.float32)
