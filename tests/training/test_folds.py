"""Each image is predicted by a net that was not trained on it; finished folds are kept."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from darkroom import stopping
from darkroom.data.folds import Divided
from darkroom.data.splits import Split
from darkroom.training import folds
from darkroom.training.start import model_config
from tests.helpers.training import digits_splits, tiny_params

pytestmark = pytest.mark.usefixtures("one_thread")
PARAMS = tiny_params({"train": {"epochs": 2, "use_validation": False}})


def divided() -> Divided:
    """Divide 120 digits into 3 folds."""
    train, validation, _ = digits_splits()
    train, validation = train.first(90), validation.first(30)
    return Divided(train, validation, pd.DataFrame(), np.arange(120) % 3, ("a", "b", "c"))


def predicted(folder: Path) -> np.ndarray:
    return folds.out_of_fold(divided(), PARAMS, model_config(PARAMS, digits_splits()[2]), folder=folder)


def test_no_net_sees_the_images_that_it_predicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs: list[tuple[Split, Split]] = []

    def noted(fold: folds.Fold, *_: object, checkpoints: Path, **__: object) -> np.ndarray:
        pairs.append((fold.train, fold.held_out))
        checkpoints.mkdir(parents=True)
        return np.full((len(fold.held_out), 10), fold.number, dtype=np.float32)

    monkeypatch.setattr(folds, "train_and_predict", noted)
    found = predicted(tmp_path)
    assert found[:, 0].tolist() == [1, 2, 3] * 40, "each fold's predictions are at its images"
    everything = divided()
    pixels = np.concatenate([everything.train.images, everything.validation.images])
    labels = np.concatenate([everything.train.labels, everything.validation.labels])
    for number, (train, held_out) in enumerate(pairs):
        inside = np.arange(120) % 3 == number
        assert (held_out.images == pixels[inside]).all()
        assert (train.images == pixels[~inside]).all()
        assert (train.labels == labels[~inside]).all()


def test_all_epochs_run_and_a_finished_fold_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = predicted(tmp_path / "whole")
    printed = capsys.readouterr().out
    assert all(f"fold {number}/3  epoch  {epoch}/2" in printed for number in (1, 2, 3) for epoch in (1, 2))
    assert np.allclose(whole.sum(1), 1, atol=1e-5)
    train = folds.train_and_predict

    def stopped(fold: folds.Fold, *arguments: object, **options: object) -> np.ndarray:
        if fold.number == 2:
            raise stopping.Stopped(stopping.SIGNALS[0], "after epoch 1 of 2")
        return train(fold, *arguments, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(folds, "train_and_predict", stopped)
        with pytest.raises(stopping.Stopped, match="after epoch 1 of 2 of fold 2 of 3"):
            predicted(tmp_path / "resumed")
    capsys.readouterr()
    assert (predicted(tmp_path / "resumed") == whole).all()
    printed = capsys.readouterr().out
    assert "fold 1/3  kept from the run before" in printed
    assert "fold 1/3  epoch" not in printed
    assert "fold 2/3  epoch  1/2" in printed
