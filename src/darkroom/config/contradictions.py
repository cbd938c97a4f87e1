"""Combinations of parameters that do not work together."""

from collections.abc import Mapping
from typing import Any, get_args

from darkroom.config.train import LabelLoss

# The parameters that `contradiction` compares, by dotted name.
INTERDEPENDENT = (
    "data.labels",
    "train.loss",
    "train.best_by",
    "tune.trials",
    "data.folds",
    "model.backbone",
    "model.head",
    "model.label_vectors",
    "model.structure",
    "model.tune_backbone",
    "model.ensemble",
    "model.architecture",
    "train.optimizer",
    "model.views",
    "augment.flip",
    "train.unknown_labels",
    "train.class_weights",
    "train.logit_adjustment",
    "train.sampling",
    "train.processes",
    "train.use_validation",
    "train.minutes",
    "calibrate.views",
)
LABEL_LOSSES: tuple[str, ...] = get_args(LabelLoss)
# Heads with a loss of their own: which.
OWN_LOSS = {
    **dict.fromkeys(("wsabie", "devise", "cca", "principal_labels"), "its own"),
    **dict.fromkeys(("bloom", "sleec", "kernel_cca", "metric"), "its own"),
    **dict.fromkeys(("cnn_rnn", "cnn_rnn_frequency"), "the cross-entropy of a sequence of labels"),
}
# What does not go with several labels: the value that does, and why.
BESIDE_LABELS = {
    "train.best_by": ("average_precision", "whose epochs are compared by it"),
    "train.logit_adjustment": (0, "which are not classes that exclude each other"),
    "train.sampling": (
        "all",
        "of which an image has more than one: train.class_weights makes up for rare ones",
    ),
    "train.processes": (1, "which train in one process yet"),
    "train.use_validation": (False, "whose thresholds need validation images that were not trained on"),
    "data.folds": (0, "which are not cross-validated yet"),
    "calibrate.views": ("all", "of which one view may leave one in doubt and not another"),
}
# What each is where it does nothing about classes that are not equally frequent.
BALANCING = {"train.class_weights": "none", "train.logit_adjustment": 0, "train.sampling": "all"}


def contradiction(values: Mapping[str, Any]) -> str | None:
    """Return why the values of `INTERDEPENDENT` do not work together and what to set; None if they do.

    >>> contradiction(
    ...     {
    ...         "data.labels": "one",
    ...         "train.loss": "cross_entropy",
    ...         "train.best_by": "accuracy",
    ...         "tune.trials": 12,
    ...         "data.folds": 0,
    ...         "model.backbone": "none",
    ...         "model.head": "linear",
    ...         "model.label_vectors": "",
    ...         "model.structure": "none",
    ...         "model.tune_backbone": "none",
    ...         "model.ensemble": (),
    ...         "model.architecture": "fast",
    ...         "train.optimizer": "muon",
    ...         "model.views": 6,
    ...         "augment.flip": "alternating",
    ...         "train.unknown_labels": "ignore",
    ...         "train.class_weights": "none",
    ...         "train.logit_adjustment": 0,
    ...         "train.sampling": "all",
    ...         "train.processes": 1,
    ...         "train.use_validation": False,
    ...         "train.minutes": 0,
    ...         "calibrate.views": "all",
    ...     }
    ... )
    """
    if wrong := _labels(values) or _head(values):
        return wrong
    if values["model.tune_backbone"] == "none" and values["train.minutes"]:
        return (
            f"train.minutes is {values['train.minutes']}, which bounds fine-tuning alone, but "
            "model.tune_backbone is none: set train.minutes=0"
        )
    if values["model.tune_backbone"] != "none" and (wrong := _beside_tuning(values)):
        return wrong
    if values["model.ensemble"] and (wrong := _beside_ensemble(values)):
        return wrong
    if values["model.backbone"] != "none":
        if wrong := _beside_backbone(values):
            return wrong
    elif values["model.architecture"] == "classic" and values["train.optimizer"] == "muon":
        return (
            "train.optimizer is muon, which model.architecture classic does not train with: "
            "set train.optimizer=adam and train.learning_rate=0.001"
        )
    if values["model.views"] > 1 and values["augment.flip"] == "none":
        return (
            f"model.views is {values['model.views']}, which mirrors images at prediction, but augment.flip "
            "is none: set model.views=1"
        )
    balancing = [name for name, off in BALANCING.items() if values[name] != off]
    if len(balancing) > 1:
        first, *others = balancing
        return (
            " and ".join(f"{name} is {values[name]}" for name in balancing)
            + ", each of which makes up for rare classes, so that together they would do it twice: keep "
            + f"{first} and set "
            + " and ".join(f"{name}={BALANCING[name]}" for name in others)
        )
    return None


def _labels(values: Mapping[str, Any]) -> str | None:
    """Return what does not work together with data.labels, and what to set; None if all does."""
    if values["data.labels"] == "one":
        if values["train.loss"] in LABEL_LOSSES:
            return (
                f"train.loss is {values['train.loss']}, a loss of several labels, but data.labels is one: "
                "set train.loss=cross_entropy"
            )
        if values["train.best_by"] == "average_precision":
            return (
                "train.best_by is average_precision, a figure of several labels, but data.labels is one: set "
                "train.best_by=accuracy"
            )
        if values["train.unknown_labels"] != "ignore":
            return (
                f"train.unknown_labels is {values['train.unknown_labels']}, which is about images of several "
                "labels, but data.labels is one: set train.unknown_labels=ignore"
            )
        if values["model.structure"] != "none":
            return (
                f"model.structure is {values['model.structure']}, which is about how labels go together, but "
                "data.labels is one: set model.structure=none"
            )
        return None
    if values["train.loss"] not in LABEL_LOSSES:
        return (
            f"train.loss is {values['train.loss']}, a loss of one label, but data.labels is several: set "
            f"train.loss to one of {', '.join(LABEL_LOSSES)}"
        )
    for name, (right, why) in BESIDE_LABELS.items():
        if values[name] != right:
            return (
                f"{name} is {_written(values[name])}, which does not go with several labels, {why}: set "
                f"{name}={_written(right)}"
            )
    return None


def _head(values: Mapping[str, Any]) -> str | None:
    """Return what does not work together with model.head, and what to set; None if all does."""
    head = values["model.head"]
    if values["model.label_vectors"] and head != "devise":
        return (
            f"model.label_vectors is {values['model.label_vectors']}, which only model.head devise takes, "
            f'but model.head is {head}: set model.head=devise or model.label_vectors=""'
        )
    if head == "linear":
        return None
    if values["data.labels"] == "one":
        return (
            f"model.head is {head}, a head of several labels, but data.labels is one: set model.head=linear"
        )
    if values["model.backbone"] == "none":
        return (
            f"model.head is {head}, which is put on a backbone, but model.backbone is none: set "
            "model.backbone=efficientnet_lite0 or model.head=linear"
        )
    if loss := OWN_LOSS.get(head):
        for name, right in (("train.loss", "binary_cross_entropy"), ("train.class_weights", "none")):
            if values[name] != right:
                return (
                    f"{name} is {values[name]}, which has no part in model.head {head}, whose loss is "
                    f"{loss}: set {name}={right}"
                )
    return None


def _beside_backbone(values: Mapping[str, Any]) -> str | None:
    """Return what does not work together with the backbone, and what to set; None if all does."""
    backbone = values["model.backbone"]
    if values["train.processes"] > 1:
        return (
            f"train.processes is {values['train.processes']}, which does not go with model.backbone "
            f"{backbone}, whose features one process computes: set train.processes=1 or model.backbone=none"
        )
    if values["model.views"] > 2:
        return (
            f"model.views is {values['model.views']}, which does not go with model.backbone {backbone}, "
            "whose images are mirrored at most: set model.views=2"
        )
    return None


def _beside_tuning(values: Mapping[str, Any]) -> str | None:
    """Return what does not work together with fine-tuning, and what to set; None if all does."""
    tuning = f"model.tune_backbone is {values['model.tune_backbone']}"
    if values["model.backbone"] == "none":
        return f"{tuning}, but model.backbone is none: set model.tune_backbone=none"
    if values["data.labels"] == "several":
        return f"{tuning}, which is not there for several labels yet: set model.tune_backbone=none"
    if values["train.optimizer"] != "adam":
        return (
            f"{tuning}, which takes the learning rate by depth that only adam has, but train.optimizer is "
            f"{values['train.optimizer']}: set train.optimizer=adam and train.learning_rate=0.001"
        )
    if values["train.use_validation"]:
        return (
            f"{tuning}, whose net has to beat the linear layer on the validation images, but "
            "train.use_validation trains on them: set train.use_validation=false"
        )
    if values["data.folds"]:
        return (
            f"{tuning}, but data.folds is {values['data.folds']}, and a fold would get a linear layer alone: "
            "set data.folds=0"
        )
    return None


def _beside_ensemble(values: Mapping[str, Any]) -> str | None:
    """Return what does not work together with an ensemble, and what to set; None if all does."""
    ensemble = f"model.ensemble is {list(values['model.ensemble'])}"
    if values["model.backbone"] == "none":
        return f"{ensemble}, which takes a backbone, but model.backbone is none: set model.ensemble=[]"
    if values["data.labels"] == "several":
        return f"{ensemble}, which is not there for several labels yet: set model.ensemble=[]"
    if values["train.minutes"]:
        return (
            f"{ensemble}, for whose members there is no plan, but train.minutes is "
            f"{values['train.minutes']}: set train.minutes=0"
        )
    if len(set(values["model.ensemble"])) < len(values["model.ensemble"]):
        return f"{ensemble}, in which a member is named twice: name each once"
    if values["train.use_validation"]:
        return (
            f"{ensemble}, whose members are weighed by the validation images, but train.use_validation "
            "trains on them: set train.use_validation=false"
        )
    if values["data.folds"]:
        return (
            f"{ensemble}, but data.folds is {values['data.folds']}, and a fold would get a linear layer "
            "alone: set data.folds=0"
        )
    return None


def _written(value: Any) -> str:
    """Return a value as params.yaml has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
