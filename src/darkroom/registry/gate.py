"""The gate: whether a challenger takes the champion's place, judged on the same test images."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from darkroom.config.gate import Gate

RESAMPLES = 10_000
Outcome = Literal["first", "better", "no better", "worse", "equal", "below a minimum", "not comparable"]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A model's answers to a test set, and what was measured of it.

    Attributes:
        version: in the registry.
        test_sha256: of the test images and labels.
        classes: the names, in the order of the predictions' numbers.
        labels: int64 [N].
        predictions: int64 [N].
        calibration_error: expected calibration error on the test set.
        milliseconds: of one image in the exported graph, median; None where it was not measured.
    """

    version: str
    test_sha256: str
    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    predictions: NDArray[np.int64]
    calibration_error: float | None
    milliseconds: float | None

    @property
    def right(self) -> NDArray[np.bool_]:
        """Which images were recognised, bool [N]."""
        return np.asarray(self.predictions == self.labels)


@dataclass(frozen=True, kw_only=True)
class Paired:
    """Two models on the same images.

    Attributes:
        images: how many.
        only_first, only_second: images that one recognised and the other did not.
        difference: accuracy of the first less that of the second, with `low` and `high`, its 95 % interval.
        p_value: two-sided.
    """

    images: int
    only_first: int
    only_second: int
    difference: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the gate says: `words` for people, the rest to check them."""

    promoted: bool
    outcome: Outcome
    words: str
    champion: str | None
    paired: Paired | None = None


def paired_test(first: NDArray[np.bool_], second: NDArray[np.bool_], *, seed: int = 0) -> Paired:
    """Compare two models by which of the same images each recognised, bool [N].

    The p-value is McNemar's (1947), exact: of the images that only one recognised, each is as likely
    the one's as the other's if the models are equally good. The interval is a paired bootstrap's
    percentile interval; resampling images is drawing how many of each of the three kinds (only first,
    only second, the rest) come up.

    Raises:
        ValueError: the two are not of the same images.
    """
    if first.shape != second.shape or first.ndim != 1 or not len(first):
        raise ValueError(f"the answers are of {list(first.shape)} and {list(second.shape)} images")
    images = len(first)
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    differ = only_first + only_second
    kinds = np.array([only_first, only_second, images - differ])
    drawn = np.random.default_rng(seed).multinomial(images, kinds / images, size=RESAMPLES)
    low, high = np.quantile((drawn[:, 0] - drawn[:, 1]) / images, [0.025, 0.975])
    return Paired(
        images=images,
        only_first=only_first,
        only_second=only_second,
        difference=(only_first - only_second) / images,
        low=float(low),
        high=float(high),
        p_value=float(binomtest(only_first, differ).pvalue) if differ else 1.0,
    )


def class_recalls(candidate: Candidate) -> dict[str, float]:
    """Return the recall of each class that has test images, by name, the least first."""
    recalls = {
        name: float(candidate.right[candidate.labels == number].mean())
        for number, name in enumerate(candidate.classes)
        if (candidate.labels == number).any()
    }
    return dict(sorted(recalls.items(), key=lambda item: item[1]))


def below_minimums(candidate: Candidate, rules: Gate) -> list[str]:
    """Return a sentence for each floor of `rules` that `candidate` does not reach."""
    accuracy = float(candidate.right.mean())
    weakest, recall = next(iter(class_recalls(candidate).items()))
    found = []
    if accuracy < rules.min_accuracy:
        found.append(f"test accuracy {accuracy:.4f} is below gate.min_accuracy {rules.min_accuracy:g}")
    if recall < rules.min_class_recall:
        found.append(
            f"recall {recall:.4f} of class {weakest} is below gate.min_class_recall "
            f"{rules.min_class_recall:g}"
        )
    error = candidate.calibration_error
    if error is not None and error > rules.max_calibration_error:
        found.append(
            f"calibration error {error:.4f} is above gate.max_calibration_error "
            f"{rules.max_calibration_error:g}"
        )
    took = candidate.milliseconds
    if took is not None and rules.max_milliseconds and took > rules.max_milliseconds:
        found.append(f"{took:.1f} ms an image is above gate.max_milliseconds {rules.max_milliseconds:g}")
    return found


def judge(challenger: Candidate, champion: Candidate | None, rules: Gate) -> Verdict:
    """Say whether `challenger` becomes champion: it reaches every floor and is better beyond chance.

    `champion` is None where there is none: then the floors alone decide.
    """
    name = None if champion is None else champion.version
    found = below_minimums(challenger, rules)
    if found:
        words = "refused: " + "; ".join(found)
        return Verdict(promoted=False, outcome="below a minimum", words=words, champion=name)
    if champion is None:
        accuracy = challenger.right.mean()
        words = f"promoted: there was no champion, and test accuracy {accuracy:.4f} is above every floor"
        return Verdict(promoted=True, outcome="first", words=words, champion=None)
    reason = not_comparable(challenger, champion)
    if reason:
        words = (
            f"refused: {reason}, so it cannot be compared with version {champion.version}; "
            "promote it by hand if you mean to"
        )
        return Verdict(promoted=False, outcome="not comparable", words=words, champion=name)
    paired = paired_test(challenger.right, champion.right)
    outcome = _outcome(paired, rules.significance)
    words = f"{'promoted' if outcome == 'better' else 'refused'}: {describe(paired, champion.version)}"
    if outcome == "no better":
        words += f"; gate.significance asks for p at most {rules.significance:g}"
    return Verdict(promoted=outcome == "better", outcome=outcome, words=words, champion=name, paired=paired)


def describe(paired: Paired, other: str) -> str:
    """Say in words how a model did beside version `other`."""
    if not paired.only_first and not paired.only_second:
        return f"it is right on the same of the {paired.images:,} test images as version {other}"
    return (
        f"{100 * paired.difference:+.2f} points of test accuracy against version {other} "
        f"(95 % interval {100 * paired.low:+.2f} to {100 * paired.high:+.2f}): of {paired.images:,} "
        f"images {paired.only_first:,} were right here alone and {paired.only_second:,} there alone, "
        f"p {p_text(paired.p_value)}"
    )


def p_text(p_value: float) -> str:
    """Return a p-value with its sign: = 0.031, < 0.0001."""
    return "< 0.0001" if p_value < 0.0001 else f"= {p_value:.2g}"


def not_comparable(challenger: Candidate, champion: Candidate) -> str | None:
    """Say why two models cannot be compared on the same images, of the first; None where they can."""
    if challenger.classes != champion.classes:
        lost, new = (
            ", ".join(sorted(set(a) - set(b))) or "none"
            for a, b in ((champion.classes, challenger.classes), (challenger.classes, champion.classes))
        )
        if lost == new == "none":
            return "its classes stand in another order"
        return f"it knows other classes (new: {new}; gone: {lost})"
    if challenger.test_sha256 != champion.test_sha256:
        hashes = f"{challenger.test_sha256[:8]} against {champion.test_sha256[:8]}"
        return f"it was tested on other images ({hashes})"
    return None


def _outcome(paired: Paired, significance: float) -> Outcome:
    if not paired.only_first and not paired.only_second:
        return "equal"
    if paired.p_value <= significance:
        return "better" if paired.difference > 0 else "worse"
    return "no better"
