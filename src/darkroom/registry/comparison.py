"""A challenge at the registry: its versions' evidence before the gate, the verdict kept with the version."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from darkroom.config.gate import Gate
from darkroom.config.trees import flatten
from darkroom.evaluation.calibration import calibration_error
from darkroom.evaluation.intervals import wilson_interval
from darkroom.files import read_json
from darkroom.registry import champion as champions
from darkroom.registry import versions
from darkroom.registry.gate import (
    Candidate,
    Paired,
    Verdict,
    class_recalls,
    describe,
    judge,
    not_comparable,
    paired_test,
)
from darkroom.registry.versions import MlflowClient, ModelVersion


@dataclass(frozen=True, kw_only=True)
class Registered:
    """What registering came to; `champion` is None where no version is."""

    name: str
    version: str
    champion: str | None
    verdict: Verdict


def register(
    uri: str,
    name: str,
    *,
    exported: Path,
    evidence: Sequence[Path],
    run_id: str,
    tags: Mapping[str, Any],
    rules: Gate,
) -> Registered:
    """Register the exported model inside its open run, and let it challenge the champion.

    A graph that is registered already, by its hash, gets no second version, and one that was judged is
    not judged again while there is a champion: what people did with the registry since then stands.
    `evidence` must hold predictions.parquet; `tags` must hold `test_sha256`, and `milliseconds` where
    that was measured.
    """
    client = MlflowClient(uri)
    version = versions.find_version(client, name, read_json(exported / "model.json")["sha256"])
    if version is None:
        version = versions.create_version(
            name, exported=exported, evidence=evidence, run_id=run_id, tags=tags
        )
    store = versions.MlflowStore(client)
    with champions.exclusive(store, name):
        champion = versions.find_champion(client, name)
        verdict = read_verdict(version)
        if verdict is None or champion is None:
            verdict = _judge(uri, version, champion, rules)
            verdict = replace(verdict, words=_shortened(verdict.words))
            if verdict.promoted:
                champions.make_champion(
                    store, name, str(version.version), action="register", why=verdict.words
                )
                champion = version
            keep_verdict(client, version, verdict)
    return Registered(
        name=name,
        version=str(version.version),
        champion=None if champion is None else str(champion.version),
        verdict=verdict,
    )


def _judge(uri: str, version: ModelVersion, champion: ModelVersion | None, rules: Gate) -> Verdict:
    challenger = read_candidate(uri, version)
    if champion is None:
        return judge(challenger, None, rules)
    number = str(champion.version)
    if number == str(version.version):  # killed between becoming champion and keeping the verdict
        return Verdict(promoted=True, outcome="first", words="promoted: it is the champion", champion=number)
    try:
        return judge(challenger, read_candidate(uri, champion), rules)
    except versions.EvidenceGoneError as error:
        words = f"refused: {error}, so it cannot be compared; promote it by hand if you mean to"
        return Verdict(promoted=False, outcome="not comparable", words=words, champion=number)


def read_candidate(uri: str, version: ModelVersion) -> Candidate:
    """Return a version's answers to its test images, as they were kept: nothing is predicted again.

    Raises:
        EvidenceGoneError: they are gone.
        RegistryError: they cannot be read now.
    """
    with versions.evidence_of(uri, version) as folder:
        if not (folder / versions.PREDICTIONS).is_file():
            raise versions.EvidenceGoneError(
                f"the test predictions of {version.name} version {version.version} are gone"
            )
        table = pd.read_parquet(folder / versions.PREDICTIONS)
        classes = tuple(read_json(folder / "model.json")["classes"])
    labels, predictions = (table[name].to_numpy(np.int64) for name in ("label", "predicted"))
    confidence = table[[f"p_{name}" for name in classes]].to_numpy().max(axis=1)
    took = version.tags.get("milliseconds")
    return Candidate(
        version=str(version.version),
        test_sha256=version.tags.get("test_sha256", ""),
        classes=classes,
        labels=labels,
        predictions=predictions,
        calibration_error=calibration_error(confidence, labels == predictions),
        milliseconds=float(took) if took else None,
    )


def keep_verdict(client: MlflowClient, version: ModelVersion, verdict: Verdict) -> None:
    """Keep a verdict with its version: numbers as a tag and an artifact, words where people read."""
    text = json.dumps(asdict(verdict))
    folder = versions.evidence_folder(version.tags["sha256"])
    client.log_text(
        version.tags["run_id"], json.dumps(asdict(verdict), indent=2) + "\n", f"{folder}/verdict.json"
    )
    client.update_model_version(
        version.name, version.version, description=_description(client, version, verdict)
    )
    client.set_model_version_tag(version.name, version.version, "verdict", text)


def _shortened(words: str) -> str:
    """Return words that fit where MLflow keeps them: of long lists of classes, without the middle."""
    if len(words) <= champions.MOST_WHY:
        return words
    begin, end = words[: champions.MOST_WHY - 300], words[-290:]
    return f"{begin} [...] {end}"


def read_verdict(version: ModelVersion) -> Verdict | None:
    """Return the verdict kept with a version; None where it was not judged."""
    if "verdict" not in version.tags:
        return None
    tree = json.loads(version.tags["verdict"])
    paired = tree.pop("paired")
    return Verdict(**tree, paired=Paired(**paired) if paired else None)


def _description(client: MlflowClient, version: ModelVersion, verdict: Verdict) -> str:
    """Return what MLflow's page shows of a version, as Markdown."""
    folder = versions.evidence_folder(version.tags["sha256"])
    run = client.get_run(version.tags["run_id"]).info
    artifacts = f"#/experiments/{run.experiment_id}/runs/{run.run_id}/artifacts"
    return (
        f"**{verdict.words}**\n\n"
        f"The [run's artifacts]({artifacts}) hold in `{folder}` the model card (`card.html`), the verdict, "
        "the answers to the test images and what the model came from."
    )


def compare(uri: str, first: ModelVersion, second: ModelVersion) -> str:
    """Return two versions side by side as text: their measures, their difference, their parameters.

    Raises RegistryError when the files of one are gone.
    """
    one, other = read_candidate(uri, first), read_candidate(uri, second)
    rows: list[tuple[str, ...]] = [("", f"version {one.version}", f"version {other.version}")]
    rows.append(("test accuracy", _accuracy(one), _accuracy(other)))
    rows.append(("calibration error", *(_percent(candidate.calibration_error) for candidate in (one, other))))
    rows.append(
        ("milliseconds an image", *(f"{c.milliseconds:.2f}" if c.milliseconds else "" for c in (one, other)))
    )
    recalls = [class_recalls(candidate) for candidate in (one, other)]
    rows += [
        (f"recall {name}", *(_percent(recall.get(name)) for recall in recalls))
        for name in dict.fromkeys((*one.classes, *other.classes))
    ]
    parameters = [_parameters(uri, version) for version in (first, second)]
    for key in sorted(set(parameters[0]) | set(parameters[1])):
        values = [str(tree.get(key, "")) for tree in parameters]
        if values[0] != values[1]:
            rows.append((key, *values))
    width = [max(len(row[column]) for row in rows) for column in (0, 1)]
    table = "\n".join(f"{row[0]:<{width[0]}}  {row[1]:<{width[1]}}  {row[2]}".rstrip() for row in rows)
    reason = not_comparable(one, other)
    if reason:
        return f"{table}\n\nNot on the same images: of version {one.version}, {reason}."
    words = describe(paired_test(one.right, other.right), other.version)
    return f"{table}\n\nVersion {one.version}: {words}."


def _accuracy(candidate: Candidate) -> str:
    low, high = wilson_interval(int(candidate.right.sum()), len(candidate.right))
    return f"{candidate.right.mean():.2%} ({low:.2%} to {high:.2%})"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.2%}"


def _parameters(uri: str, version: ModelVersion) -> dict[str, Any]:
    with versions.evidence_of(uri, version) as folder:
        path = folder / "lineage.json"
        return flatten(read_json(path)["parameters"]) if path.is_file() else {}
