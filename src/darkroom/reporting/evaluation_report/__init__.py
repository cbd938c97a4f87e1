"""The parts of an evaluation: each writes its tables and figures into a folder and returns its numbers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.config.evaluate import Evaluate
from darkroom.data.duplicates import near_duplicates
from darkroom.data.splits import Split
from darkroom.evaluation.calibration import (
    calibration_error,
    calibration_interval,
    coverage_curve,
    reliability_table,
)
from darkroom.evaluation.confusion import confusion_matrix, confusion_table
from darkroom.evaluation.headline import classification_metrics
from darkroom.evaluation.label_issues import label_issues
from darkroom.evaluation.misclassified import worst_misclassified
from darkroom.evaluation.per_class import per_class_table
from darkroom.evaluation.slices import corruptions_table, share, slices_table
from darkroom.files import write_table
from darkroom.reporting.figures.confusion import confusion_figure
from darkroom.reporting.figures.corruptions import corruptions_figure
from darkroom.reporting.figures.coverage import coverage_figure
from darkroom.reporting.figures.galleries import gallery_figure, misclassified_figure, pairs_figure
from darkroom.reporting.figures.per_class import per_class_figure
from darkroom.reporting.figures.reliability import reliability_figure
from darkroom.reporting.figures.slices import slices_figure

CHARTS = {
    "Reliability": "reliability.png",
    "Confident answers": "coverage.png",
    "Confusion": "confusion.png",
    "Per class": "per_class.png",
    "Slices": "slices.png",
    "Corruptions": "corruptions.png",
    "Learning curve": "curve.png",
}
# these show images of the data set, which not everybody who sees the card may see
GALLERIES = {
    "The worst mistakes": "misclassified.png",
    "Near-duplicates": "duplicates.png",
    "Labels to look at": "label_issues.png",
}
TABLES = (
    "per_class.csv",
    "confusion_matrix.csv",
    "misclassified.csv",
    "reliability.csv",
    "coverage_test.csv",
    "slices.csv",
    "corruptions.csv",
    "duplicates.csv",
    "label_issues.csv",
)


@dataclass(frozen=True)
class Predictions:
    """Images and the probabilities float32 [N,K] that a classifier gave for them."""

    split: Split
    probabilities: NDArray[np.float32]

    @property
    def predictions(self) -> NDArray[np.int64]:
        """The most probable class of each image, [N]."""
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)

    @property
    def confidence(self) -> NDArray[np.float32]:
        """The probability of that class, [N]."""
        return np.asarray(self.probabilities.max(axis=1))

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether it is the label, [N]."""
        return np.asarray(self.predictions == self.split.labels)


def report_headline(
    folder: Path, answers: Predictions, *, classes: Sequence[str], asked: Evaluate
) -> dict[str, Any]:
    """Report accuracy and its kin, per class too, and the worst mistakes."""
    probabilities, labels = answers.probabilities, answers.split.labels
    per_class = per_class_table(probabilities, labels, classes=classes)
    worst = worst_misclassified(probabilities, labels, count=asked.misclassified)
    mistakes = pd.DataFrame(
        {
            "image": worst,
            "actual": [classes[label] for label in labels[worst]],
            "predicted": [classes[label] for label in answers.predictions[worst]],
            "confidence": answers.confidence[worst].astype(float),
        }
    )
    write_table(folder / "per_class.csv", per_class)
    write_table(folder / "confusion.csv", confusion_table(probabilities, labels, classes=classes))
    write_table(folder / "confusion_matrix.csv", confusion_matrix(probabilities, labels, classes=classes))
    write_table(folder / "misclassified.csv", mistakes)
    confusion_figure(folder / "confusion.png", labels, answers.predictions, classes)
    per_class_figure(folder / "per_class.png", per_class)
    misclassified_figure(
        folder / "misclassified.png",
        answers.split.images[worst],
        mistakes["actual"].tolist(),
        mistakes["predicted"].tolist(),
        mistakes["confidence"].tolist(),
    )
    return classification_metrics(
        probabilities, labels, classes=classes, top_k=asked.top_k, resamples=asked.resamples
    )


def report_calibration(
    folder: Path,
    answers: Predictions,
    *,
    before: NDArray[np.float32],
    calibration: Mapping[str, Any],
    resamples: int,
) -> dict[str, Any]:
    """Report whether answers are as confident as they are right, and what "uncertain" leaves.

    Args:
        folder: where tables and figures go.
        answers: with the temperature of `calibration`, which is as models/calibration.json.
        before: the confidence of each answer without it, [N].
        calibration: `temperature`, `confident_from` (or None), `confident_accuracy`, and `held_out`: whether
            there were validation images to fit them on.
        resamples: of the bootstrap.
    """
    confidence, right = answers.confidence, answers.right
    error = calibration_error(confidence, right)
    low, high = calibration_interval(confidence, right, resamples)
    temperature, confident_from = calibration["temperature"], calibration["confident_from"]
    table = reliability_table(confidence, right)
    curve = coverage_curve(confidence, right, threshold=confident_from)
    write_table(folder / "reliability.csv", table)
    write_table(folder / "coverage_test.csv", curve)
    fitted, asked = calibration["held_out"], calibration["confident_accuracy"]
    reliability_figure(
        folder / "reliability.png", table, error=error, temperature=temperature if fitted else None
    )
    coverage_figure(
        folder / "coverage.png", curve, threshold=confident_from, confident_accuracy=asked if fitted else None
    )
    report: dict[str, Any] = {
        "temperature": temperature,
        "held_out": fitted,
        "error": error,
        "error_low": low,
        "error_high": high,
        "error_before": calibration_error(before, right),
    }
    confident = confidence >= (1.1 if confident_from is None else confident_from)
    if confident.any():
        report["confident"] = {
            "from": confident_from,
            "asked": asked,
            "coverage": float(confident.mean()),
            **share(right[confident]),
        }
    return report


def report_slices(folder: Path, answers: Predictions, *, classes: Sequence[str]) -> None:
    """Report accuracy by class, brightness and confidence."""
    table = slices_table(answers.split, confidence=answers.confidence, right=answers.right, classes=classes)
    write_table(folder / "slices.csv", table)
    slices_figure(folder / "slices.png", table)


def report_duplicates(
    folder: Path,
    answers: Predictions,
    learning: Mapping[str, Split],
    *,
    classes: Sequence[str],
    asked: Evaluate,
    mirror: bool,
) -> dict[str, Any]:
    """Report test images that resemble one of the `learning` splits, and accuracy without them."""
    test = answers.split
    pairs = near_duplicates(
        test.images,
        {name: split.images for name, split in learning.items()},
        similarity=asked.duplicate_similarity,
        mirror=mirror,
    )
    places = list(zip(pairs["split"], pairs["index"], strict=True))
    pairs["class"] = [classes[label] for label in test.labels[pairs["test_index"].to_numpy()]]
    pairs["other_class"] = [classes[learning[name].labels[index]] for name, index in places]
    write_table(folder / "duplicates.csv", pairs)

    shown = pairs.head(asked.misclassified)
    pairs_figure(
        folder / "duplicates.png",
        test.images[shown["test_index"].to_numpy()],
        _stack([learning[name].images[index] for name, index in places[: len(shown)]], like=test.images),
        [
            (f"{similarity:.3f} alike", own if own == other else f"{own} and {other}")
            for similarity, own, other in zip(
                shown["similarity"], shown["class"], shown["other_class"], strict=True
            )
        ],
        title="test images (left of each pair) and the training images they resemble most",
        none="No test image resembles a training image.",
    )
    alone = np.ones(len(test), dtype=bool)
    alone[pairs["test_index"].to_numpy()] = False
    report: dict[str, Any] = {"found": len(pairs)}
    if alone.any():
        report["without"] = share(answers.right[alone])
    return report


def report_label_issues(
    folder: Path, parts: Mapping[str, Predictions], *, classes: Sequence[str], shown: int
) -> dict[str, int]:
    """Report labels that look wrong, of images that were not trained on; return how many in each part."""
    found = pd.concat(
        [
            label_issues(answers.probabilities, answers.split.labels, classes=classes).assign(split=name)
            for name, answers in parts.items()
        ]
    ).sort_values("margin", kind="stable")
    write_table(folder / "label_issues.csv", found)
    top = found.head(shown)
    images = [parts[name].split.images[index] for name, index in zip(top["split"], top["index"], strict=True)]
    gallery_figure(
        folder / "label_issues.png",
        _stack(images, like=next(iter(parts.values())).split.images),
        [
            (f"{suggested}? ({probability:.0%})".replace("%", " %"), f"labelled {label}")
            for suggested, probability, label in zip(
                top["suggested"], top["suggested_probability"], top["label"], strict=True
            )
        ],
        title="labels to look at: what the model would say (how surely), and what the label says",
        none="No label looks wrong.",
    )
    return {name: int((found["split"] == name).sum()) for name in parts}


def report_corruptions(
    folder: Path,
    predict: Callable[[Split], NDArray[np.float32]],
    split: Split,
    *,
    seed: int,
    resamples: int,
) -> dict[str, Any]:
    """Report accuracy under corruptions, drawn by `seed`, of `split`, and as `clean` that without."""
    table, report = corruptions_table(predict, split, seed=seed, resamples=resamples)
    clean = float((predict(split).argmax(axis=1) == split.labels).mean())
    write_table(folder / "corruptions.csv", table)
    corruptions_figure(folder / "corruptions.png", table, clean=clean)
    return {**report, "clean": clean}


def predictions_table(answers: Predictions, *, classes: Sequence[str]) -> pd.DataFrame:
    """Return a row an image: `label` and `predicted`, numbers of classes, and each class's probability."""
    columns = {f"p_{name}": answers.probabilities[:, number] for number, name in enumerate(classes)}
    return pd.DataFrame({"label": answers.split.labels, "predicted": answers.predictions, **columns})


def _stack(images: Sequence[NDArray[np.uint8]], *, like: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return images [H,W,C] as one array [n,H,W,C], also where there are none."""
    return np.stack(images) if images else np.empty((0, *like.shape[1:]), dtype=np.uint8)
