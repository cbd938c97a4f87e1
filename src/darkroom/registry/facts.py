"""Versions as plain values, for programs: what `show`, `compare` and `lineage` print as text."""

from typing import Any

from darkroom.config.trees import flatten
from darkroom.files import read_json
from darkroom.registry.candidate import Candidate, class_recalls, not_comparable
from darkroom.registry.evidence import evidence_of, read_candidate
from darkroom.registry.origin import read_origin
from darkroom.registry.paired_test import compared
from darkroom.registry.verdicts import read_verdict
from darkroom.registry.versions import ModelVersion

NUMBERS = ("test_accuracy", "test_accuracy_low", "test_accuracy_high", "milliseconds")  # among the tags
INTERNAL = ("verdict", "mlflow.modelId")  # tags that are shown in another form, or not at all


def version_facts(version: ModelVersion, champion: ModelVersion | None) -> dict[str, Any]:
    """Return a version's tags, its verdict and whether it is champion; shares are 0 to 1."""
    tags: dict[str, Any] = {key: value for key, value in version.tags.items() if key not in INTERNAL}
    for name in NUMBERS:
        if name in tags:
            tags[name] = _number(tags[name])
    return {
        "model": version.name,
        "version": str(version.version),
        "champion": champion is not None and str(champion.version) == str(version.version),
        "verdict": read_verdict(version),
        **tags,
    }


def comparison_facts(uri: str, first: ModelVersion, second: ModelVersion) -> dict[str, Any]:
    """Return the measures of two versions, the paired test of the first against the second, and parameters.

    `paired` is None, and `not_comparable` says why, where they were not tested on the same images.
    Raises RegistryError when the files of one are gone.
    """
    pair = read_candidate(uri, first), read_candidate(uri, second)
    one, other = (_parameters(uri, version) for version in (first, second))
    reason = not_comparable(*pair)
    return {
        "versions": [
            _measures(version, candidate) for version, candidate in zip((first, second), pair, strict=True)
        ],
        "paired": None if reason else compared(*pair),
        "not_comparable": reason,
        "parameters": {
            key: [one.get(key), other.get(key)]
            for key in sorted({*one, *other})
            if one.get(key) != other.get(key)
        },
    }


def origin_facts(uri: str, version: ModelVersion) -> dict[str, Any]:
    """Return what a version was made from, as lineage.json keeps it, with the uncommitted changes as a diff.

    Raises RegistryError when the version's files are gone.
    """
    with evidence_of(uri, version) as folder:
        origin = read_origin(folder, version)
        diff = (folder / "uncommitted.diff").read_text(encoding="utf-8", errors="replace")
    return {
        "model": version.name,
        "version": str(version.version),
        "sha256": version.tags["sha256"],
        "bento": version.tags.get("bento"),
        **origin,
        "uncommitted_diff": diff,
    }


def _measures(version: ModelVersion, candidate: Candidate) -> dict[str, Any]:
    precision = candidate.average_precision
    return {
        "model": version.name,
        "version": candidate.version,
        "test_images": len(candidate.correct),
        "test_accuracy": candidate.accuracy,
        **({} if precision is None else {"test_average_precision": precision}),
        "calibration_error": candidate.calibration_error,
        "milliseconds": candidate.milliseconds,
        "recall": class_recalls(candidate),
    }


def _parameters(uri: str, version: ModelVersion) -> dict[str, Any]:
    with evidence_of(uri, version) as folder:
        path = folder / "lineage.json"
        return flatten(read_json(path)["parameters"]) if path.is_file() else {}


def _number(text: str) -> float | None:
    """Return the number in a tag; None where somebody edited it into something else."""
    try:
        return float(text)
    except ValueError:
        return None
