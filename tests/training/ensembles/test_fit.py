"""An ensemble through its entry point: members are trained, weighed, and become one net."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from darkroom import UserError
from darkroom.config.loading import override
from darkroom.models.classifier import build_classifier
from darkroom.models.inference import predict_logits
from darkroom.training.ensembles import choice, fit
from darkroom.training.ensembles.members import resized
from darkroom.training.ensembles.selection import combined
from darkroom.training.features import OnBackbone, Part
from darkroom.training.head import Layer, train_head
from tests.helpers.backbones import backbone_classifier, backbone_params, coloured, random_weights

CPU = torch.device("cpu")
pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.integration]


def linear(folder: Path, *, views: int = 1) -> tuple[OnBackbone, Part, Part]:
    train, validation = (coloured(count, seed=seed) for count, seed in ((24, 0), (18, 1)))
    classifier, config = backbone_classifier(random_weights(folder), train, views=views)
    on = OnBackbone(classifier, config, folder / "features", CPU, torch.float32)
    return on, Part("training", train, "a" * 64), Part("validation", validation, "b" * 64)


@pytest.mark.ci
def test_its_net_gives_what_the_choice_was_made_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # each member gets a part, whatever it is worth on random weights
    monkeypatch.setattr(choice, "greedy_shares", lambda logs, labels, *, seed: np.array([0.5, 0.3, 0.2]))
    on, train, validation = linear(tmp_path, views=2)
    settings = override(
        backbone_params(epochs=1, batch_size=8),
        {"model": {"ensemble": [48, "scratch"], "views": 2}, "augment": {"flip": "random"}},
    )
    layers: list[Layer] = []
    train_head(on, train, validation, params=settings, on_layer=layers.append)
    given = {"layers": layers, "tuned": None, "checkpoints": None}
    found = fit.ensemble(on, train, validation, params=settings, **given)  # type: ignore[arg-type]
    names = [about["name"] for about in found.described]
    begin = ["linear layer at 32 by 32 pixels", "linear layer at 48 by 48 pixels", "fast from scratch at 32"]
    assert [name.startswith(first) for name, first in zip(names, begin, strict=True)] == [True] * 3

    config = {**on.config, "ensemble": found.described}
    whole = build_classifier(config).eval()
    whole.net.load_state_dict(found.net.state_dict())
    logits = predict_logits(whole, validation.split, device=CPU)
    logs = combined(np.stack([member.logs for member in found.choice.members]), found.choice.shares)
    np.testing.assert_allclose(torch.from_numpy(logits).log_softmax(1).numpy(), logs, atol=1e-4)

    stated = fit.summary(found)["ensemble"]
    assert stated["multiply_adds"] > stated["best_member_multiply_adds"] > 0
    assert fit.timing(found)["ensemble"]["milliseconds"] > 0
    assert "ms by the ensemble" in fit.verdict_line(found)


def test_the_size_that_images_have_is_no_further_member(tmp_path: Path) -> None:
    on, _, _ = linear(tmp_path)
    with pytest.raises(UserError, match="the shorter side of the images already: leave it out"):
        resized(on, 32)
    assert resized(replace(on, config={**on.config, "width": 64}), 16).config["seen_at"] == (16, 32)
