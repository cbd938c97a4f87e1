"""Fine-tuning: early parts stay bit for bit, it goes on where it stopped, and must beat the linear layer."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from darkroom.config import Params
from darkroom.config.loading import override
from darkroom.models.backbones.net import RATE_SHARE, BackboneNet, LateNet
from darkroom.models.classifier import Classifier
from darkroom.training import fine_tuning, outputs
from darkroom.training.features import OnBackbone, Part
from darkroom.training.fine_tuning import Tuned, fine_tune, judged
from darkroom.training.history import Epoch, Fit
from darkroom.training.optimizers import OptimizerSettings, build_optimizers
from tests.helpers.backbones import LITE0, backbone_classifier, backbone_params, coloured, random_weights

CPU = torch.device("cpu")
VALIDATED = 15  # images
JUDGED = fine_tuning.judged
pytestmark = pytest.mark.usefixtures("one_thread")


def params(what: str = "last", **train: Any) -> Params:
    adam = {"optimizer": "adam", "learning_rate": 0.002, "epochs": 2, "batch_size": 8, "label_smoothing": 0.0}
    return override(backbone_params(**{**adam, **train}), {"model": {"tune_backbone": what}})


def tune(
    folder: Path, settings: Params, classifier: Classifier, config: dict[str, object], **changes: Any
) -> Tuned:
    return fine_tune(
        OnBackbone(classifier, config, folder / "maps", CPU, torch.float32),
        Part("training", coloured(16), "a" * 64),
        Part("validation", coloured(VALIDATED, seed=1), "b" * 64),
        params=settings,
        **{"checkpoints": None, **changes},
    )


@pytest.fixture
def always_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the fine-tuned net whatever it predicts: random weights on a few images are not always better."""
    monkeypatch.setattr(fine_tuning, "judged", lambda *given: replace(JUDGED(*given), kept=True))


def fresh(folder: Path) -> tuple[Classifier, dict[str, object]]:
    return backbone_classifier(random_weights(folder), coloured(3))


def state_of(classifier: Classifier) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in classifier.state_dict().items()}


def changed(before: dict[str, torch.Tensor], classifier: Classifier) -> set[str]:
    return {name for name, value in classifier.state_dict().items() if not torch.equal(value, before[name])}


@pytest.mark.integration
@pytest.mark.usefixtures("always_kept")
def test_parts_before_the_late_ones_and_statistics_stay_bit_for_bit(tmp_path: Path) -> None:
    classifier, config = fresh(tmp_path)
    before = state_of(classifier)
    tune(tmp_path, params(), classifier, config)
    names = changed(before, classifier)
    assert {
        "net.head.weight",
        "net.trunk.last.conv.weight",
        "net.trunk.blocks.11.expand.conv.weight",
    } <= names
    early = ("net.trunk.stem.", *(f"net.trunk.blocks.{number}." for number in range(11)))
    assert not [
        name for name in names if name.startswith(early) or "running_" in name or "num_batches" in name
    ]


@pytest.mark.integration
@pytest.mark.usefixtures("always_kept")
def test_the_late_net_on_maps_predicts_as_the_whole_one_on_images(tmp_path: Path) -> None:
    classifier, config = fresh(tmp_path)
    tuned = tune(tmp_path, params(), classifier, config)
    assert tuned.fitted.best.validation_accuracy == pytest.approx(tuned.after, abs=1.01 / VALIDATED)


@pytest.mark.integration
@pytest.mark.usefixtures("always_kept")
def test_all_parts_learn_from_the_images(tmp_path: Path) -> None:
    classifier, config = fresh(tmp_path)
    before = state_of(classifier)
    tuned = tune(tmp_path, params("all", epochs=1), classifier, config)
    assert outputs.result_line(tuned.fitted, views=1, accuracy_with_views=0.5).startswith(
        "best epoch 1 of 1:"
    )
    assert outputs.summary(tuned.fitted, classifier, accuracy_with_views=0.5)["epochs"] == 1
    assert "net.trunk.stem.conv.weight" in changed(before, classifier)


@pytest.mark.integration
def test_a_net_that_is_no_better_beyond_chance_is_dropped(tmp_path: Path) -> None:
    classifier, config = fresh(tmp_path)
    before = state_of(classifier)
    tuned = tune(tmp_path, params(epochs=1, learning_rate=1e-9), classifier, config)
    assert not tuned.kept
    assert changed(before, classifier) == set()
    assert "the linear layer alone is kept" in fine_tuning.verdict_line(tuned)
    assert fine_tuning.summary(tuned)["fine_tuning"]["kept"] is False


@pytest.mark.integration
def test_it_goes_on_after_a_kill_as_if_nothing_had_been(tmp_path: Path) -> None:
    def stop(epoch: Epoch) -> None:
        if epoch.epoch == 2:
            raise InterruptedError

    settings = params(epochs=3, average="ema")
    whole, config = fresh(tmp_path)
    tune(tmp_path, settings, whole, config)
    halved, config = fresh(tmp_path)
    linear = state_of(halved)
    with pytest.raises(InterruptedError):
        tune(tmp_path, settings, halved, config, checkpoints=tmp_path / "checkpoints", on_epoch=stop)
    halved.load_state_dict(linear)  # the next run fits the linear layer to the same features again
    tune(tmp_path, settings, halved, config, checkpoints=tmp_path / "checkpoints")
    assert changed(state_of(whole), halved) == set()


def test_rates_fall_towards_the_image() -> None:
    net = BackboneNet(LITE0.build(), features=1280, classes=3)
    net.thaw(15)
    late = LateNet(net, 15)
    settings = OptimizerSettings(learning_rate=0.01, weight_decay=1e-6, batch_size=10)
    (optimizer,) = build_optimizers(late, "adam", settings)
    rates = {id(weight): group["lr"] for group in optimizer.param_groups for weight in group["params"]}
    assert rates[id(late.head.weight)] == 0.01
    assert optimizer.param_groups[0]["peak_lr"] == 0.01, "the rate that reports/curve.csv shows is this one's"
    named = dict(net.trunk.named_parameters())
    for name, distance in (
        ("last.conv.weight", 1),
        ("blocks.15.expand.conv.weight", 2),
        ("blocks.14.project.norm.bias", 3),
    ):
        assert rates[id(named[name])] == pytest.approx(0.01 * RATE_SHARE**distance)


def test_the_test_is_mcnemars() -> None:
    epoch = Fit([], Epoch(1, 0, 0, 0, 0, 0, 1, 1), stopped_early=False)
    before = np.arange(50) < 40
    after = before.copy()
    after[40:46] = True
    tuned = judged(epoch, before, after)
    assert (tuned.only_before, tuned.only_after, tuned.kept) == (0, 6, True)
    assert tuned.p_value == pytest.approx(2 * 0.5**6)
    after[45] = False
    assert not judged(epoch, before, after).kept, "five more and none fewer: p is 0.0625"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"backbone": "none"}}, r"model\.backbone is none: set model\.tune_backbone=none"),
        ({"train": {"optimizer": "muon"}}, r"set train\.optimizer=adam and train\.learning_rate=0\.001"),
        ({"train": {"use_validation": True}}, r"set train\.use_validation=false"),
        ({"data": {"folds": 5}}, r"set data\.folds=0"),
    ],
)
def test_what_it_does_not_go_with_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        override(params(), changes)
