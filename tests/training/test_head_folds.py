"""Cross-validation with a backbone: no image has a part in the layer that predicts it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from darkroom.config import Params
from darkroom.data.folds import Divided
from darkroom.data.splits import Split
from darkroom.training import head, head_folds
from darkroom.training.head import Labelled, fit_head, fit_once
from darkroom.training.start import model_config
from tests.helpers.backbones import coloured, meta_of, random_weights
from tests.helpers.training import tiny_params

pytestmark = pytest.mark.usefixtures("one_thread")
FOLDS = 3


def params(*, flip: str = "none", views: int = 1) -> Params:
    return tiny_params(
        {"model": {"backbone": "efficientnet_lite0", "views": views}, "augment": {"flip": flip}}
    )


def divided(train: Split, validation: Split) -> Divided:
    folds = np.arange(len(train) + len(validation)) // 3 % FOLDS  # three in a row: a class each
    return Divided(train, validation, pd.DataFrame(), folds, ("a" * 64, "b" * 64, "c"))


def predicted(folder: Path, given: Divided, settings: Params) -> np.ndarray:
    weights = random_weights(folder)
    config = model_config(settings, meta_of(given.train), weights)
    return head_folds.head_out_of_fold(given, settings, config, weights, folder=folder / "features")


@pytest.mark.integration  # takes seconds
def test_no_image_has_a_part_in_the_layer_that_predicts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fitted_to: list[Labelled] = []
    chosen_by: list[tuple[Labelled, Labelled]] = []

    def noted_once(train: Labelled, **how: Any) -> Any:
        fitted_to.append(train)
        return fit_once(train, **how)

    def noted_path(train: Labelled, validation: Labelled, **how: Any) -> Any:
        chosen_by.append((train, validation))
        return fit_head(train, validation, **how)

    monkeypatch.setattr(head_folds, "fit_once", noted_once)
    monkeypatch.setattr(head_folds, "fit_head", noted_path)
    given = divided(coloured(36), coloured(18, seed=1))
    found = predicted(tmp_path, given, params())
    assert found.shape == (54, 3)
    assert np.allclose(found.sum(1), 1, atol=1e-5)
    labels = np.concatenate([given.train.labels, given.validation.labels])
    assert (found.argmax(1) == labels).mean() > 0.6, "chance is a third"
    files = sorted((tmp_path / "features").rglob("0.npy"), key=lambda path: -len(np.load(path)))
    features = torch.from_numpy(np.concatenate([np.load(path) for path in files]))
    for number in range(FOLDS):
        outside = torch.from_numpy(given.folds != number)
        assert torch.equal(fitted_to[number].features, features[outside])
        assert torch.equal(chosen_by[number][0].features, features[:36][outside[:36]])
        assert torch.equal(chosen_by[number][1].features, features[36:][outside[36:]])
    assert capsys.readouterr().out.count("images correct") == FOLDS


@pytest.mark.integration  # takes seconds
def test_mirror_images_are_trained_on_and_averaged_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []

    def noted(train: Labelled, **how: Any) -> Any:
        counts.append(len(train.labels))
        return fit_once(train, **how)

    monkeypatch.setattr(head_folds, "fit_once", noted)
    # a single one, since the images as they are choose it
    monkeypatch.setattr(head, "STRENGTHS", (0.1,))
    given = divided(coloured(18), coloured(9, seed=1))
    both = predicted(tmp_path, given, params(flip="random", views=2))
    assert counts == [36, 36, 36], "18 of 27 images are outside each fold, each of them mirrored too"
    one = predicted(tmp_path, given, params(flip="random"))
    assert not np.allclose(both, one)
    mirrored = [
        Split(np.ascontiguousarray(part.images[:, :, ::-1]), part.labels)
        for part in (given.train, given.validation)
    ]
    other = Divided(mirrored[0], mirrored[1], pd.DataFrame(), given.folds, ("d" * 64, "e" * 64, "c"))
    again = predicted(tmp_path, other, params(flip="random", views=2))
    np.testing.assert_allclose(again, both, atol=1e-3, err_msg="a mirrored image is predicted alike")
