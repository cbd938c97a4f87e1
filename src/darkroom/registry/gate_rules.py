"""The rules of the gate: the minimums that a model must reach, and what it may not lose beside the champion.

A rule is a function of a candidate and of the value of its parameter in section `gate` of params.yaml. It
returns a sentence that names the failure, or None. To add a rule, write its function, enter it in `RULES`
under the name of its parameter, and add that parameter to `darkroom.config.gate` and params.yaml. A rule in
`AGAINST_CHAMPION` is given the champion too, on the same test images.
"""

from collections.abc import Callable

from darkroom.config.gate import Gate
from darkroom.registry.candidate import Candidate, class_images, class_recalls

ROUNDING = 1e-9  # of the difference of two shares, so that a fall of exactly the bound is allowed


def min_accuracy(candidate: Candidate, minimum: float) -> str | None:
    """Require a test accuracy of `minimum`, 0 to 1."""
    if candidate.accuracy >= minimum:
        return None
    return f"test accuracy {candidate.accuracy:.4f} is below gate.min_accuracy {minimum:g}"


def min_average_precision(candidate: Candidate, minimum: float) -> str | None:
    """Require a mean average precision of `minimum`, 0 to 1, of several labels; one label passes."""
    precision = candidate.average_precision
    if precision is None or precision >= minimum:
        return None
    return f"test mAP {precision:.4f} is below gate.min_average_precision {minimum:g}"


def min_class_recall(candidate: Candidate, minimum: float) -> str | None:
    """Require that the recall of every class that has test images is `minimum`, 0 to 1."""
    weakest, recall = next(iter(class_recalls(candidate).items()))
    if recall >= minimum:
        return None
    return f"recall {recall:.4f} of class {weakest} is below gate.min_class_recall {minimum:g}"


def max_calibration_error(candidate: Candidate, maximum: float) -> str | None:
    """Allow an expected calibration error of `maximum`, 0 to 1; what was not measured passes."""
    error = candidate.calibration_error
    if error is None or error <= maximum:
        return None
    return f"calibration error {error:.4f} is above gate.max_calibration_error {maximum:g}"


def max_milliseconds(candidate: Candidate, maximum: float) -> str | None:
    """Allow `maximum` milliseconds for an image, 0 for any; what was not measured passes."""
    milliseconds = candidate.milliseconds
    if milliseconds is None or not maximum or milliseconds <= maximum:
        return None
    return f"{milliseconds:.1f} ms an image is above gate.max_milliseconds {maximum:g}"


def max_recall_fall(candidate: Candidate, champion: Candidate, bound: float) -> str | None:
    """Allow that a class's recall is up to `bound`, 0 to 1, below the champion's; 1 allows any.

    Each class that has test images is looked at by itself, so that a gain in the mean cannot pay for one
    label that is lost. The bound is on the figures as they are: a class of few images moves far by chance.
    """
    before, now = class_recalls(champion), class_recalls(candidate)
    falls = {name: before[name] - now[name] for name in now}
    name = max(falls, key=lambda one: falls[one])
    if falls[name] <= bound + ROUNDING:
        return None
    return (
        f"recall of class {name} falls from {before[name]:.4f} to {now[name]:.4f} on "
        f"{class_images(candidate, name):,} test images, which is more than gate.max_recall_fall {bound:g}"
    )


RULES: dict[str, Callable[[Candidate, float], str | None]] = {
    "min_accuracy": min_accuracy,
    "min_average_precision": min_average_precision,
    "min_class_recall": min_class_recall,
    "max_calibration_error": max_calibration_error,
    "max_milliseconds": max_milliseconds,
}


AGAINST_CHAMPION: dict[str, Callable[[Candidate, Candidate, float], str | None]] = {
    "max_recall_fall": max_recall_fall,
}


def losses(candidate: Candidate, champion: Candidate, gate: Gate) -> list[str]:
    """Return a sentence for each rule of `AGAINST_CHAMPION` that `candidate` breaks beside `champion`."""
    found = (rule(candidate, champion, getattr(gate, name)) for name, rule in AGAINST_CHAMPION.items())
    return [sentence for sentence in found if sentence]


def failures(candidate: Candidate, gate: Gate) -> list[str]:
    """Return a sentence for each rule that `candidate` breaks, in the order of `RULES`."""
    found = (rule(candidate, getattr(gate, name)) for name, rule in RULES.items())
    return [sentence for sentence in found if sentence]
