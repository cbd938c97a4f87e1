"""The gate: whether a challenger takes the champion's place, decided on the same test images."""

from dataclasses import dataclass
from typing import Literal

from darkroom.config.gate import Gate
from darkroom.registry.candidate import Candidate, not_comparable
from darkroom.registry.gate_rules import failures, losses
from darkroom.registry.paired_test import Paired, compared, describe, smallest_p_value

Outcome = Literal[
    "first",
    "better",
    "no better",
    "worse",
    "equal",
    "below a minimum",
    "a recall fell",
    "not comparable",
]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The gate's decision.

    Attributes:
        promoted: whether the challenger becomes champion.
        outcome: the reason in a word or three.
        words: the reason in a sentence.
        champion: the version it was compared with; None where there was none.
        paired: the comparison; None where there was none.
    """

    promoted: bool
    outcome: Outcome
    words: str
    champion: str | None
    paired: Paired | None = None


def judge(challenger: Candidate, champion: Candidate | None, gate: Gate) -> Verdict:
    """Return whether `challenger` becomes champion.

    It does where it breaks no rule, is better beyond chance, and no class's recall falls too far.

    `champion` is None where there is none: then the rules alone decide.
    """
    version = None if champion is None else champion.version
    broken = failures(challenger, gate)
    if broken:
        words = "refused: " + "; ".join(broken)
        return Verdict(promoted=False, outcome="below a minimum", words=words, champion=version)
    if champion is None:
        words = f"promoted: there was no champion, and it meets the gate's minimums ({_measured(challenger)})"
        return Verdict(promoted=True, outcome="first", words=words, champion=None)
    reason = not_comparable(challenger, champion)
    if reason:
        words = (
            f"refused: {reason}, so it cannot be compared with version {champion.version}; "
            "promote it manually if that is intended"
        )
        return Verdict(promoted=False, outcome="not comparable", words=words, champion=version)
    return _compare(challenger, champion, gate)


def _compare(challenger: Candidate, champion: Candidate, gate: Gate) -> Verdict:
    """Return the verdict of the paired test; a p-value of at most `gate.significance` is beyond chance."""
    significance = gate.significance
    paired = compared(challenger, champion)
    outcome = _outcome(paired, significance)
    lost = losses(challenger, champion, gate) if outcome == "better" else []
    if lost:
        outcome = "a recall fell"
    words = f"{'promoted' if outcome == 'better' else 'refused'}: {describe(paired, champion.version)}"
    # of several labels the test is a bootstrap, which has no such limit
    fewest = smallest_p_value(paired.images) if challenger.probabilities is None else 0.0
    if outcome in ("no better", "equal") and fewest > significance:
        words += (
            f"; its {paired.images:,} test images are too few for any model to be better beyond chance "
            f"(p is {fewest:.2g} at least, gate.significance is {significance:g}): add test images, or "
            "promote it manually"
        )
    elif outcome == "no better":
        words += f"; gate.significance requires p of at most {significance:g}"
    if lost:
        words += "; but " + "; ".join(lost)
    return Verdict(
        promoted=outcome == "better",
        outcome=outcome,
        words=words,
        champion=champion.version,
        paired=paired,
    )


def _measured(candidate: Candidate) -> str:
    precision = candidate.average_precision
    return f"test accuracy {candidate.accuracy:.4f}" if precision is None else f"test mAP {precision:.4f}"


def _outcome(paired: Paired, significance: float) -> Outcome:
    if not paired.only_first and not paired.only_second and not paired.difference:
        return "equal"
    if paired.p_value <= significance:
        return "better" if paired.difference > 0 else "worse"
    return "no better"
