"""Parameters for images of one's own, proposed from how many there are and how large."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LARGEST_SIDE = 48  # pixels: what a from-scratch net of a few minutes on a CPU makes use of
MOST_LOST = 0.35  # of an image that may lie outside its middle square: what matters is seldom there
ALIKE = 1.2  # times the ratio of width to height: as if all were of one camera
FEWEST_IMAGES = 300  # below, at most some 80 test: at 90 % accuracy the interval is 13 points wide or more
FEW_IMAGES = 500  # below, a search would choose by a handful of validation images
MANY_IMAGES = 20_000
BACKBONE_IMAGES = 5000  # below, a pretrained net is tried; with more images nothing was measured
BACKBONE_SIDE = 224  # pixels: the validation images of land-use had a smaller loss than at 160 and at 256
CORRUPTED, CORRUPTED_BY_BACKBONE = 500, 100  # test images in each of 40 cases: more pixels take longer
PHOTOGRAPH_SIDE = 96  # pixels: the smaller side from which on a colour image is taken for a photograph
FEW_TESTED = 30  # test images, below which 10 points of accuracy are less than its standard error
CALIBRATION_TESTED = 200  # test images, below which chance alone gives a calibration error of about 0.1
IMBALANCED = 3  # times as many images in the largest class as in the smallest, from which on it matters
SYMBOL = re.compile(r"[\w\W]|[0-9]+|letter[ _-]?\w|digit[ _-]?\w", re.IGNORECASE)  # a digit or a letter


@dataclass(frozen=True)
class Choice:
    """A parameter, the value proposed for it, and why."""

    name: str
    value: Any
    reason: str


def suits_backbone(*, images: int, side: int, colour: bool, classes: Sequence[str]) -> bool:
    """Return whether a pretrained backbone is worth trying: for few photographs in colour.

    Args:
        images: how many there are.
        side: the median of their smaller sides, in pixels.
        colour: whether they are in colour.
        classes: their names; those of digits and letters speak against photographs.

    >>> suits_backbone(images=2100, side=256, colour=True, classes=["forest", "harbor"])
    True
    >>> suits_backbone(images=2100, side=256, colour=True, classes=["0", "1"])
    False
    """
    return images < BACKBONE_IMAGES and side >= PHOTOGRAPH_SIDE and colour and not _symbols(classes)


def propose_fit(sizes: Sequence[tuple[int, int]]) -> Choice:
    """Propose `data.fit` from the width and height of some images, upright, in pixels.

    >>> propose_fit([(640, 480), (480, 640)]).value
    'crop'
    >>> propose_fit([(300, 100)] * 9).value, propose_fit([(300, 100), (100, 300)] * 5).value
    ('squeeze', 'pad')
    """
    if not sizes:
        raise ValueError("no sizes of images: at least one is needed")
    ratios = sorted(width / height for width, height in sizes)
    cut = sorted(1 - min(ratio, 1 / ratio) for ratio in ratios)
    lost = cut[len(cut) * 9 // 10]  # of all but the strangest tenth
    if lost <= MOST_LOST:
        return Choice("data.fit", "crop", f"the middle square loses at most {lost:.0%} of nine images in ten")
    low, high = ratios[len(ratios) // 10], ratios[len(ratios) * 9 // 10]
    if high / low <= ALIKE:
        reason = f"a middle square would lose {lost:.0%}; all images have about the same shape"
        return Choice("data.fit", "squeeze", reason)
    return Choice("data.fit", "pad", f"a middle square would lose {lost:.0%}; the shapes differ")


def propose(
    *,
    training: int,
    classes: Sequence[str],
    largest_share: float,
    smallest_share: float,
    side: int,
    testing: int,
    sizes: Sequence[tuple[int, int]] = (),
    backbone: str = "none",
    several: bool = False,
) -> list[Choice]:
    """Propose parameters for a data set.

    Args:
        training: how many images will be trained on, about.
        classes: their names.
        largest_share: of the images that are of the most frequent class, 0 to 1.
        smallest_share: of those that are of the rarest class, above 0.
        side: the median of the smaller sides of the images, in pixels.
        testing: how many images will test, about.
        sizes: width and height of some images, upright, in pixels; empty: they are about square.
        backbone: a pretrained net whose weights are here, for images that it suits; or none.
        several: whether an image may have several of the classes.

    >>> choices = propose(
    ...     training=1500,
    ...     classes=["cat", "dog"],
    ...     largest_share=0.5,
    ...     smallest_share=0.5,
    ...     side=300,
    ...     testing=400,
    ... )
    >>> {one.name: one.value for one in choices}["train.batch_size"]
    100
    """
    if training < 1 or not classes:
        raise ValueError(
            f"{training} training images of {len(classes)} classes: at least one of each is needed"
        )
    size = min(LARGEST_SIDE, max(8, side))
    batch = 100 if training < 5000 else 250 if training < MANY_IMAGES else 500
    per_class = max(1, training / len(classes))
    epochs = min(100, max(16, round(20 * math.sqrt(165 / per_class))))
    low = 2 * round(size * 0.625 / 2)
    low_epochs = epochs // 2 if size >= 24 else 0
    symbols = _symbols(classes)
    searched = training >= FEW_IMAGES
    small = size < 16
    choices = [
        Choice(
            "data.side", size, f"the images' smaller side is {side} pixels (median); {LARGEST_SIDE} at most"
        ),
        propose_fit(sizes or [(side, side)]),
        Choice(
            "data.folds",
            5 if training < FEWEST_IMAGES else 0,
            f"fewer than {FEWEST_IMAGES} training images: they test too, each a net that has not seen it"
            if training < FEWEST_IMAGES
            else f"{FEWEST_IMAGES} training images or more: the test images are enough",
        ),
        Choice("model.backbone", "none", "trained from scratch"),
        Choice("model.architecture", "fast", "the quickest to train"),
        Choice("model.widths", [32, 64, 64] if small else [64, 128, 256], f"for images of {size} pixels"),
        Choice("model.convolutions", 2 if small else 3, f"for images of {size} pixels"),
        Choice(
            "augment.flip",
            "none" if symbols else "alternating",
            "the classes are named as digits or letters, which mirroring changes"
            if symbols
            else "mirrored images show the same",
        ),
        Choice("model.views", 1 if symbols else 2, "as augment.flip"),
        Choice("augment.translate", max(1, round(size / 16)), "a sixteenth of the side"),
        Choice("augment.cutout", 0, "off"),
        Choice(
            "train.epochs",
            epochs,
            f"about {per_class:,.0f} training images a class: the fewer, the more epochs",
        ),
        Choice("train.patience", epochs, "all epochs run, the best one is kept"),
        Choice("train.batch_size", batch, "an epoch has enough steps"),
        Choice("train.low_resolutions", [low] * low_epochs, "the first half of the epochs at a smaller side"),
        Choice(
            "train.hardest_share",
            0.5 if training >= MANY_IMAGES else 1,
            "of few images each one is trained on",
        ),
        *_against_imbalance(largest_share / smallest_share),
        Choice("train.images", 0, "all"),
        Choice(
            "tune.trials",
            4 if searched else 0,
            "a short search" if searched else f"fewer than {FEW_IMAGES} images: too few to choose by",
        ),
        Choice("tune.epochs", 3, "of a trial"),
        Choice("tune.startup_trials", 2, "half of the trials"),
        Choice("tune.images", 0 if training < 9000 else 9000, "of a trial"),
        Choice("tune.resolution", low if low_epochs else 0, "as in the first epochs"),
        Choice(
            "tune.space.train.batch_size.choices",
            [batch // 2, batch, 2 * batch] if training >= MANY_IMAGES else [batch],
            "around train.batch_size"
            if training >= MANY_IMAGES
            else "as train.batch_size: trials of a few dozen steps favour small batches, which train slower",
        ),
        Choice("evaluate.corruption_images", CORRUPTED, "test images in each corruption"),
        *_gate(largest_share, testing),
    ]
    choices = choices if backbone == "none" else _with_backbone(choices, backbone)
    return _with_labels(choices) if several else [*choices, *_of_one_label()]


def _with_backbone(choices: Sequence[Choice], backbone: str) -> list[Choice]:
    """Return choices for a training from scratch, changed for a pretrained backbone with a linear layer."""
    no_part = "no part: the linear layer on the backbone is fitted at once"
    changed = [
        Choice("model.backbone", backbone, f"fewer than {BACKBONE_IMAGES:,} photographs in colour"),
        Choice("model.weights", "pretrained", "they are here"),
        Choice("data.side", BACKBONE_SIDE, "the size of the images that the backbone was trained on"),
        Choice(
            "evaluate.corruption_images",
            CORRUPTED_BY_BACKBONE,
            f"test images in each corruption: of {BACKBONE_SIDE} pixels they take longer",
        ),
        Choice("tune.trials", 0, "every strength of the linear layer is tried anyway"),
        Choice("tune.resolution", 0, "there are no trials"),
        Choice("train.low_resolutions", [], no_part),
    ]
    by_name = {one.name: one for one in choices} | {one.name: one for one in changed}
    for name in ("train.epochs", "train.patience", "train.batch_size"):
        by_name[name] = Choice(name, by_name[name].value, no_part)
    return list(by_name.values())


def _of_one_label() -> list[Choice]:
    return [Choice("train.loss", "cross_entropy", "an image has one label")]


def _with_labels(choices: Sequence[Choice]) -> list[Choice]:
    """Return choices for one label an image, changed for several."""
    several = "an image may have several labels"
    changed = [
        Choice("train.loss", "binary_cross_entropy", f"{several}: a sigmoid for each"),
        Choice("train.best_by", "average_precision", f"{several}: the mean of their average precisions"),
        Choice("train.sampling", "all", several),
        Choice("train.class_weights", "none", "thresholds of each label make up for rare ones"),
        Choice("train.logit_adjustment", 0.0, several),
        Choice("data.folds", 0, "nets of several labels are not cross-validated yet"),
        Choice("tune.trials", 0, "set it to search by mAP on the validation images"),
        Choice("gate.min_average_precision", 0.0, "no minimum; set what you need"),
        Choice("gate.min_accuracy", 0.0, "the share of images whose labels are all right; set what you need"),
    ]
    by_name = {one.name: one for one in choices} | {one.name: one for one in changed}
    return list(by_name.values())


def _symbols(classes: Sequence[str]) -> bool:
    """Return whether all classes are named as digits or letters.

    >>> _symbols(["1", "2"]), _symbols(["cat", "2"])
    (True, False)
    """
    return all(SYMBOL.fullmatch(name.strip()) for name in classes)


def _gate(largest_share: float, testing: int) -> list[Choice]:
    """Return minimums that a model of an unknown problem can reach, and so many test images can measure."""
    few, measured = testing < FEW_TESTED, testing >= CALIBRATION_TESTED
    floor = min(0.8, math.ceil(100 * largest_share + (0 if few else 10)) / 100)
    reason = f"{largest_share:.0%} are of one class"
    if few:
        reason += f"; {testing} test images tell little more"
    return [
        Choice("gate.min_accuracy", floor, f"{reason}; set what you need"),
        Choice("gate.min_class_recall", 0.0, "no minimum; set what you need"),
        Choice(
            "gate.max_calibration_error",
            0.1 if measured else 1.0,
            "measured on enough test images"
            if measured
            else f"no limit: chance alone gives one of 0.1 on fewer than {CALIBRATION_TESTED} test images",
        ),
        Choice("gate.max_milliseconds", 0, "no limit: it depends on the machine; set what you need"),
    ]


def _against_imbalance(ratio: float) -> list[Choice]:
    """Return what to set where the largest class has `ratio` times as many images as the smallest."""
    imbalanced = ratio >= IMBALANCED
    reason = f"the largest class has {ratio:.{0 if ratio >= 10 else 1}f} times the images of the smallest"
    return [
        Choice(
            "train.sampling",
            "balanced" if imbalanced else "all",
            f"{reason}: each is shown equally often" if imbalanced else reason,
        ),
        Choice("train.class_weights", "none", "train.sampling does it" if imbalanced else "not needed"),
        Choice("train.logit_adjustment", 0.0, "train.sampling does it" if imbalanced else "not needed"),
        Choice(
            "train.best_by",
            "balanced_accuracy" if imbalanced else "accuracy",
            "rare classes count as much as frequent ones" if imbalanced else reason,
        ),
    ]
