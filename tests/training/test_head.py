"""The linear layer on a backbone: fitted as by hand, folded, and with every setting honoured."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from darkroom.data.splits import Split
from darkroom.models.backbones.net import BackboneNet
from darkroom.models.classifier import load_classifier
from darkroom.models.inference import predict
from darkroom.training import head, outputs
from darkroom.training.features import OnBackbone, Part
from darkroom.training.head import STRENGTHS, HeadFit, Labelled, fit_head, fit_once, minimise, train_head
from darkroom.training.history import TrainingError
from darkroom.training.start import model_config
from tests.helpers.backbones import backbone_classifier, backbone_params, coloured, random_weights
from tests.helpers.training import digits_splits, tiny_params

CPU = torch.device("cpu")


def settings(**changes: Any) -> Any:
    return backbone_params(**{"label_smoothing": 0.0, **changes}).train


def made(count: int, *, seed: int, shares: tuple[float, ...] = (0.4, 0.3, 0.3)) -> Labelled:
    """Return features of three classes that overlap; the last feature is constant."""
    random = np.random.default_rng(seed)
    labels = random.choice(3, count, p=shares)
    centres = np.random.default_rng(0).normal(size=(3, 6))
    values = centres[labels] + random.normal(size=(count, 6)) * 1.5
    values = np.concatenate([values * [1, 10, 0.1, 1, 5, 1] + 3, np.full((count, 1), 7.0)], axis=1)
    return Labelled(torch.from_numpy(values), torch.from_numpy(labels))


def test_it_is_multinomial_logistic_regression() -> None:
    given = made(200, seed=1)
    train = replace(given, features=given.features[:, [0, 3, 5]] - 3)
    loss = head.head_loss(settings(), train.labels, classes=3)
    layer = minimise(torch.zeros(3, 4, dtype=torch.float64), train, loss, strength=0.1)
    theirs = LogisticRegression(C=1 / (0.1 * 200), tol=1e-10, max_iter=10_000)
    theirs.fit(train.features.numpy(), train.labels.numpy())
    ours = head.logits_of(layer, train.features).softmax(1).numpy()
    np.testing.assert_allclose(ours, theirs.predict_proba(train.features.numpy()), atol=1e-5)


def test_the_strength_is_the_best_on_validation_and_standardisation_is_folded() -> None:
    train, validation = made(60, seed=1), made(300, seed=2)
    shown: list[head.Head] = []
    fit, weight, bias = fit_head(train, validation, classes=3, settings=settings(), on_epoch=shown.append)
    assert list(fit.history) == shown
    assert fit.best.validation_loss == min(one.validation_loss or 9 for one in shown)
    assert [one.strength for one in shown] == list(STRENGTHS[: len(shown)])
    logits = validation.features @ weight.T + bias
    loss = torch.nn.functional.cross_entropy(logits, validation.labels)
    assert loss.item() == pytest.approx(fit.best.validation_loss, abs=1e-9)
    assert not weight[:, -1].any(), "a constant feature has no weight"
    again = fit_head(train, validation, classes=3, settings=settings())
    assert torch.equal(weight, again[1])


@pytest.mark.integration  # takes seconds
def test_rare_classes_are_made_up_for() -> None:
    shares = (0.9, 0.05, 0.05)
    train, validation = made(400, seed=1, shares=shares), made(400, seed=2, shares=shares)

    def recall(**changes: Any) -> float:
        best = fit_head(train, validation, classes=3, settings=settings(**changes))[0].best
        assert best.validation_balanced_accuracy is not None
        return best.validation_balanced_accuracy

    plain = recall()
    for changes in ({"class_weights": "balanced"}, {"logit_adjustment": 1.0}, {"sampling": "balanced"}):
        assert recall(**changes) > plain + 0.05, changes
    weighted = fit_head(train, validation, classes=3, settings=settings(class_weights="balanced"))
    sampled = fit_head(train, validation, classes=3, settings=settings(sampling="balanced"))
    assert torch.equal(weighted[1], sampled[1]), "a class that counts as much is as if shown as often"


def test_best_by_balanced_accuracy_compares_the_mean_of_the_classes() -> None:
    validation = Labelled(torch.tensor([[2.0], [2.0], [2.0], [0.0]]).double(), torch.tensor([0, 0, 0, 1]))
    layer = torch.tensor([[1.0, 0.0], [0.0, 0.0]]).double()
    by_image = head.validated(layer, validation, best_by="accuracy")
    by_class = head.validated(layer, validation, best_by="balanced_accuracy")
    sure, unsure = np.log1p(np.exp(-2)), np.log(2)
    assert by_image["chosen_by"] == pytest.approx((3 * sure + unsure) / 4)
    assert by_class["chosen_by"] == pytest.approx((sure + unsure) / 2)
    assert by_class["loss"] == by_image["loss"]


def test_features_that_are_not_finite_are_refused() -> None:
    train = made(30, seed=1)
    broken = replace(train, features=train.features.clone())
    broken.features[0, 0] = torch.inf
    with pytest.raises(TrainingError, match=r"not finite; set train\.precision=fp32"):
        fit_head(broken, train, classes=3, settings=settings())


def test_a_classifier_is_fitted_written_and_read_and_its_trunk_is_as_it_was(tmp_path: Path) -> None:
    weights = random_weights(tmp_path)
    train, validation = coloured(60), coloured(30, seed=1)
    classifier, config = backbone_classifier(weights, train)
    fitted = train_head(
        OnBackbone(classifier, config, tmp_path / "features", CPU, torch.float32),
        Part("training", train, "a" * 64),
        Part("validation", validation, "b" * 64),
        params=backbone_params(),
    )
    assert fitted.best.validation_accuracy is not None
    assert fitted.best.validation_accuracy > 0.6  # of random weights; chance is a third
    outputs.write_model(classifier, config, tmp_path)
    again = load_classifier(tmp_path / "model.safetensors", tmp_path / "model_config.json")
    net = again.net
    assert isinstance(net, BackboneNet)
    assert all(torch.equal(weights.tensors[name], value) for name, value in net.trunk.state_dict().items())
    probabilities = predict(again, validation, device=CPU, progress=False)
    assert np.mean(probabilities.argmax(1) == validation.labels) == pytest.approx(
        fitted.best.validation_accuracy
    )
    taken = probabilities[np.arange(len(validation)), validation.labels]
    assert -np.log(taken).mean() == pytest.approx(fitted.best.validation_loss, abs=1e-3)
    summary = outputs.summary(fitted, classifier, accuracy_with_views=0.5)
    assert summary["strength"] in STRENGTHS
    assert list(outputs.learning_curve(fitted)["strength"]) == summary["strengths"]
    assert f"strength {fitted.strength:g}" in head.result_line(fitted, views=2, accuracy_with_views=0.5)
    assert "log-loss" in head.progress_line(fitted.best)  # type: ignore[arg-type]


def test_the_configuration_without_a_backbone_is_as_before() -> None:
    meta = digits_splits()[2]
    config = model_config(tiny_params(), meta)
    assert not {"backbone", "weights"} & config.keys()
    with pytest.raises(ValueError, match="which is not trained in this way"):
        model_config(backbone_params(), meta)


@pytest.mark.integration  # takes seconds
def test_a_final_fit_is_to_training_and_validation_images_at_the_chosen_strength(tmp_path: Path) -> None:
    weights = random_weights(tmp_path)
    train, validation = coloured(45), coloured(21, seed=1)

    def fitted(**changes: Any) -> tuple[HeadFit, torch.Tensor, torch.Tensor]:
        classifier, config = backbone_classifier(weights, train)
        found = train_head(
            OnBackbone(classifier, config, tmp_path / "features", CPU, torch.float32),
            Part("training", train, "a" * 64),
            Part("validation", validation, "b" * 64),
            params=backbone_params(**changes),
        )
        with torch.no_grad():
            both = Split(
                np.concatenate([train.images, validation.images]),
                np.concatenate([train.labels, validation.labels]),
            )
            features = classifier.net.features(classifier.standardise(torch.from_numpy(both.images)))  # type: ignore[operator]
        layer = classifier.net.last_layer()
        expected, _ = fit_once(
            Labelled(features, torch.from_numpy(both.labels)),
            strength=found.strength,
            classes=3,
            settings=backbone_params().train,
        )
        return found, layer.weight.detach().double(), expected

    usual, weight, _ = fitted()
    final, refitted, expected = fitted(use_validation=True)
    assert final.strength == usual.strength
    assert final.best.validation_loss == usual.best.validation_loss
    assert not torch.allclose(refitted, weight, atol=1e-3)
    torch.testing.assert_close(refitted, expected, atol=1e-3, rtol=1e-2)
    line = head.result_line(final, views=1, accuracy_with_views=None)
    assert line.endswith("then fitted to the validation images too")
