"""Two versions side by side: their measures, whether one is better, and the parameters that differ."""

from typing import Any

from darkroom.config.trees import flatten
from darkroom.evaluation.intervals import wilson_interval
from darkroom.files import read_json
from darkroom.registry.candidate import Candidate, class_recalls, not_comparable
from darkroom.registry.evidence import evidence_of, read_candidate
from darkroom.registry.paired_test import compared, describe
from darkroom.registry.versions import ModelVersion
from darkroom.text import columns

Row = tuple[str, ...]


def compare(uri: str, first: ModelVersion, second: ModelVersion) -> str:
    """Return two versions side by side as text: their measures, their difference, their parameters.

    Raises RegistryError when the files of one are gone.
    """
    pair = read_candidate(uri, first), read_candidate(uri, second)
    parameters = _parameters(uri, first), _parameters(uri, second)
    header = ("", *(f"version {candidate.version}" for candidate in pair))
    table = columns([header, *_measures(*pair), *_differing(*parameters)])
    reason = not_comparable(*pair)
    if reason:
        return f"{table}\n\nNot on the same images: of version {pair[0].version}, {reason}."
    words = describe(compared(*pair), pair[1].version)
    return f"{table}\n\nVersion {pair[0].version}: {words}."


def _measures(*pair: Candidate) -> list[Row]:
    recalls = [class_recalls(candidate) for candidate in pair]
    names = dict.fromkeys(name for candidate in pair for name in candidate.classes)
    return [
        *_precision(*pair),
        ("test accuracy", *map(_accuracy, pair)),
        ("calibration error", *(_percent(candidate.calibration_error) for candidate in pair)),
        ("milliseconds an image", *(f"{c.milliseconds:.2f}" if c.milliseconds else "" for c in pair)),
        *((f"recall {name}", *(_percent(recall.get(name)) for recall in recalls)) for name in names),
    ]


def _precision(*pair: Candidate) -> list[Row]:
    values = [candidate.average_precision for candidate in pair]
    return [] if values == [None, None] else [("test mAP", *map(_percent, values))]


def _differing(one: dict[str, Any], other: dict[str, Any]) -> list[Row]:
    rows = [(key, str(one.get(key, "")), str(other.get(key, ""))) for key in sorted(set(one) | set(other))]
    return [row for row in rows if row[1] != row[2]]


def _accuracy(candidate: Candidate) -> str:
    low, high = wilson_interval(int(candidate.correct.sum()), len(candidate.correct))
    return f"{candidate.accuracy:.2%} ({low:.2%} to {high:.2%})"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.2%}"


def _parameters(uri: str, version: ModelVersion) -> dict[str, Any]:
    with evidence_of(uri, version) as folder:
        path = folder / "lineage.json"
        return flatten(read_json(path)["parameters"]) if path.is_file() else {}
