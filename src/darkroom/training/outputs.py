"""What a training writes: the weights with their configuration, the learning curve, and a summary."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors.torch import save

from darkroom.config import Params
from darkroom.data.splits import Split
from darkroom.evaluation.multilabel.average_precision import mean_average_precision
from darkroom.files import atomic_write, write_json, write_table
from darkroom.models.backbones.licences import licence_warning
from darkroom.models.backbones.weights import Weights
from darkroom.models.classifier import Classifier
from darkroom.models.hardware import Hardware
from darkroom.models.inference import accuracy, predict_logits
from darkroom.training import fine_tuning, head, label_head, map_head, minutes
from darkroom.training.ensembles import fit as ensembles
from darkroom.training.history import BestByPrecision, Epoch, Fit
from darkroom.training.start import Start
from darkroom.training.trained import Trained

TIMED = ("seconds", "images_per_second")  # columns in which equal trainings differ
NOTABLE = 0.001  # difference from which on the balanced accuracy is shown beside the accuracy


def write_outputs(
    trained: Trained,
    start: Start,
    params: Params,
    hardware: Hardware,
    models: Path,
    reports: Path,
    *,
    run_id: str,
) -> dict[str, Any]:
    """Write the classifier and the number of its run into `models`, and `reports`; print the result.

    Returns what reports/train.json states.
    """
    fitted, classifier = trained.fitted, start.classifier
    with_views = None
    if not params.train.use_validation:
        with_views = measured(classifier, start.validation, device=hardware.device)
    stated = summary(fitted, classifier, accuracy_with_views=with_views)
    if isinstance(fitted, label_head.LabelHeadFit):
        stated |= label_head.summary(fitted, start.config["classes"], head=params.model.head)
    if trained.plan:
        stated |= minutes.summary(trained.plan)
    if trained.tuned:
        stated |= fine_tuning.summary(trained.tuned)
    if trained.ensembled:
        stated |= ensembles.summary(trained.ensembled)
    write_model(classifier, start.config, models)
    times = timing(fitted, device=hardware.device, precision=hardware.precision)
    if trained.ensembled:
        times |= ensembles.timing(trained.ensembled)
    write_reports(fitted, stated, times, reports)
    write_json(models / "run.json", {"run_id": run_id})
    if trained.ensembled and trained.ensembled.choice.kept:
        print(f"the ensemble: {with_views or 0:.2%} validation accuracy with {params.model.views} view(s)")
    else:
        print(result_line(fitted, views=params.model.views, accuracy_with_views=with_views))
    return stated


def measured(classifier: Classifier, split: Split, *, device: torch.device) -> float:
    """Return the accuracy of a split with all views, 0 to 1; of several labels their mAP."""
    if split.several:
        return mean_average_precision(predict_logits(classifier, split, device=device), split.labels)
    return accuracy(classifier, split, device=device)


def write_model(classifier: Classifier, config: Mapping[str, Any], folder: Path) -> None:
    """Write model.safetensors and model_config.json, from which `load_classifier` builds the classifier."""
    weights = {key: value.detach().cpu().contiguous() for key, value in classifier.state_dict().items()}
    with atomic_write(folder / "model.safetensors") as file:
        file.write(save(weights))
    write_json(folder / "model_config.json", config)


def write_reports(fitted: Fit, summary: Mapping[str, Any], timing: Mapping[str, Any], folder: Path) -> None:
    """Write the learning curve as curve.csv, `summary` as train.json and `timing` as train_timing.json.

    Git keeps the first two, so they hold nothing in which equal trainings differ.
    """
    write_table(folder / "curve.csv", learning_curve(fitted).drop(columns=list(TIMED)))
    write_json(folder / "train.json", summary)
    write_json(folder / "train_timing.json", timing)


def learning_curve(fitted: Fit) -> pd.DataFrame:
    """Return a row for each epoch, with the columns of `Epoch`."""
    return pd.DataFrame([asdict(epoch) for epoch in fitted.history])


def timing(fitted: Fit, *, device: torch.device, precision: torch.dtype) -> dict[str, Any]:
    """Return what reports/train_timing.json states: times in seconds, and the machine's part in them."""
    curve = learning_curve(fitted)
    of_head = {}
    if isinstance(fitted, (head.HeadFit, map_head.MapHeadFit)):
        of_head["feature_seconds"] = fitted.feature_seconds
    return {
        "device": device.type,
        "precision": str(precision).removeprefix("torch."),
        "seconds": float(curve["seconds"].sum()),
        "epochs": curve[["epoch", *TIMED]].to_dict("records"),
        **of_head,
    }


def summary(fitted: Fit, classifier: Classifier, *, accuracy_with_views: float | None) -> dict[str, Any]:
    """Return what reports/train.json states.

    `accuracy_with_views` is of the validation images, 0 to 1; of several labels it is their mAP.
    """
    best = fitted.best
    if isinstance(best, BestByPrecision):
        validation = {
            "loss": best.validation_loss,
            "accuracy": best.validation_accuracy,
            "average_precision": best.validation_average_precision,
            "average_precision_with_views": accuracy_with_views,
        }
    else:
        validation = {
            "loss": best.validation_loss,
            "accuracy": best.validation_accuracy,
            "balanced_accuracy": best.validation_balanced_accuracy,
            "accuracy_with_views": accuracy_with_views,
        }
    of_head = head.summary(fitted) if isinstance(fitted, head.HeadFit) else {}
    return {
        "best_epoch": fitted.best.epoch,
        "epochs": len(fitted.history),
        "stopped_early": fitted.stopped_early,
        "validation": validation,
        "parameters": sum(weight.numel() for weight in classifier.parameters()),
        **of_head,
    }


def epoch_metrics(epoch: Epoch) -> dict[str, Any]:
    """Return the figures of an epoch by name, without its number, as a run in MLflow shows them.

    >>> sorted(epoch_metrics(Epoch(3, 1.2, 0.5, 1.1, 0.6, 0.1, seconds=20.0, images_per_second=900.0)))[:2]
    ['images_per_second', 'learning_rate']
    """
    return {name: value for name, value in asdict(epoch).items() if name != "epoch"}


def opening_lines(hardware: Hardware, weights: Weights | None, *, processes: int) -> list[str]:
    """Return what is trained on, and whose weights it starts from."""
    lines = [
        f"device {hardware.reasons['device']}; precision {hardware.reasons['precision']}",
        f"{processes} process(es), each with {hardware.reasons['threads']}",
    ]
    if weights:
        lines.append(f"backbone {weights.backbone.name}, licence {weights.licence}")
        lines += [warning] if (warning := licence_warning(weights.licence)) else []
    return lines


def progress_line(epoch: Epoch, epochs: int, *, more: int = 0) -> str:
    """Return a line on an epoch of `epochs`, and the time that is left for them and `more` epochs after them.

    The balanced accuracy is beside the accuracy where they differ by 0.1 % or more. Of a linear layer on a
    backbone it is the line of `head.progress_line`.

    >>> epoch = Epoch(3, 1.25, 0.5, 1.1, 0.625, 0.1, seconds=20.0, images_per_second=1234.0)
    >>> print(progress_line(epoch, 16))
    epoch  3/16  loss 1.250  train 50.00%  validation 62.50%  1234 images/s  20 s, about 260 s left
    >>> from dataclasses import replace
    >>> "validation 62.50% (balanced 50.00%)" in progress_line(
    ...     replace(epoch, validation_balanced_accuracy=0.5), 16
    ... )
    True
    """
    if isinstance(epoch, map_head.MapHead):
        return map_head.progress_line(epoch)
    if isinstance(epoch, label_head.LabelHead):
        return label_head.progress_line(epoch)
    if isinstance(epoch, head.Head):
        return head.progress_line(epoch)
    if isinstance(epoch, BestByPrecision):
        return (
            f"epoch {epoch.epoch:2d}/{epochs}  loss {epoch.train_loss:.3f}  validation mAP "
            f"{epoch.validation_average_precision:.2%}, exact match {epoch.validation_accuracy:.2%}  "
            f"{epoch.images_per_second:.0f} images/s  {epoch.seconds:.0f} s, "
            f"about {(epochs - epoch.epoch + more) * epoch.seconds:.0f} s left"
        )
    validation = ""
    if epoch.validation_accuracy is not None:
        validation = f"validation {_accuracies(epoch.validation_accuracy, epoch)}  "
    return (
        f"epoch {epoch.epoch:2d}/{epochs}  loss {epoch.train_loss:.3f}  train {epoch.train_accuracy:.2%}  "
        f"{validation}{epoch.images_per_second:.0f} images/s  {epoch.seconds:.0f} s, "
        f"about {(epochs - epoch.epoch + more) * epoch.seconds:.0f} s left"
    )


def result_line(fitted: Fit, *, views: int, accuracy_with_views: float | None) -> str:
    """Return a line on a finished training; `accuracy_with_views` is None after a final fit."""
    if isinstance(fitted, label_head.LabelHeadFit) and accuracy_with_views is not None:
        return label_head.result_line(fitted, views=views, precision_with_views=accuracy_with_views)
    if isinstance(fitted.best, BestByPrecision) and accuracy_with_views is not None:
        return (
            f"best epoch {fitted.best.epoch} of {len(fitted.history)}: "
            f"{fitted.best.validation_average_precision:.2%} validation mAP, {accuracy_with_views:.2%} with "
            f"{views} views"
        )
    if isinstance(fitted, head.HeadFit):
        return head.result_line(fitted, views=views, accuracy_with_views=accuracy_with_views)
    if fitted.best.validation_accuracy is None or accuracy_with_views is None:
        return f"trained on validation images too: the last of {len(fitted.history)} epochs is kept"
    return (
        f"best epoch {fitted.best.epoch} of {len(fitted.history)}: "
        f"{_accuracies(fitted.best.validation_accuracy, fitted.best)} validation accuracy, "
        f"{accuracy_with_views:.2%} with {views} views"
    )


def _accuracies(accuracy: float, epoch: Epoch) -> str:
    balanced = epoch.validation_balanced_accuracy
    if balanced is None or abs(balanced - accuracy) < NOTABLE:
        return f"{accuracy:.2%}"
    return f"{accuracy:.2%} (balanced {balanced:.2%})"
