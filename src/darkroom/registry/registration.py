"""Registering an exported model, which the gate compares with the champion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from darkroom.config.gate import Gate
from darkroom.files import read_json
from darkroom.registry import versions
from darkroom.registry.champion import make_champion
from darkroom.registry.champion_lock import exclusive
from darkroom.registry.evidence import EvidenceGoneError, check_evidence, evidence_of, read_candidate
from darkroom.registry.gate import Verdict, judge
from darkroom.registry.mlflow_store import MlflowStore
from darkroom.registry.verdicts import keep_verdict, read_verdict, shortened
from darkroom.registry.versions import MlflowClient, ModelVersion
from darkroom.tracking.runs import has_run


@dataclass(frozen=True, kw_only=True)
class Registered:
    """The result of registering; `champion` is the champion's version, None where there is none."""

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
    gate: Gate,
) -> Registered:
    """Register an exported model inside its open run, and compare it with the champion.

    A graph that is registered already, by its hash, gets no second version, and one that was judged is
    not judged again while there is a champion: what people did with the registry since then is kept. Where
    its files are gone, or lie in a run that was deleted, they are put into the open run.

    Args:
        uri: of the registry.
        name: of the registered model.
        exported: folder with the graph `model.onnx`, its description `model.json` and `card.html`.
        evidence: files to keep with the version; predictions.parquet must be among them.
        run_id: the open run.
        tags: of the version; `test_sha256` must be among them, and `milliseconds` where it was measured.
        gate: the section of params.yaml.
    """
    client = MlflowClient(uri)
    version = versions.find_version(client, name, read_json(exported / "model.json")["sha256"])
    if version is None:
        version = versions.create_version(
            name, exported=exported, evidence=evidence, run_id=run_id, tags=tags
        )
    elif lacks_files(uri, version):
        version = versions.put_back(client, version, exported=exported, evidence=evidence, run_id=run_id)
    store = MlflowStore(uri)
    with exclusive(store, name):
        champion = versions.find_champion(client, name)
        verdict = read_verdict(version)
        if verdict is None or champion is None:
            verdict = _judge(uri, version, champion, gate)
            verdict = replace(verdict, words=shortened(verdict.words))
            if verdict.promoted:
                make_champion(store, name, str(version.version), action="register", why=verdict.words)
                champion = version
            keep_verdict(client, version, verdict)
    return Registered(
        name=name,
        version=str(version.version),
        champion=None if champion is None else str(champion.version),
        verdict=verdict,
    )


def lacks_files(uri: str, version: ModelVersion) -> bool:
    """Return whether files of a version are gone, damaged, or in a deleted run, which `mlflow gc` removes."""
    if not has_run(uri, version.tags.get("run_id", "")):
        return True
    try:
        with evidence_of(uri, version) as folder:
            check_evidence(folder, version)
    except EvidenceGoneError:
        return True
    return False


def describe_result(registered: Registered) -> str:
    """Return the result of registering in a sentence."""
    words = f"{registered.name} version {registered.version}: {registered.verdict.words}"
    if registered.champion in (None, registered.version):
        return words
    return f"{words}; version {registered.champion} is champion"


def _judge(uri: str, version: ModelVersion, champion: ModelVersion | None, gate: Gate) -> Verdict:
    challenger = read_candidate(uri, version)
    if champion is None:
        return judge(challenger, None, gate)
    number = str(champion.version)
    if number == str(version.version):  # killed between becoming champion and keeping the verdict
        return Verdict(promoted=True, outcome="first", words="promoted: it is the champion", champion=number)
    try:
        return judge(challenger, read_candidate(uri, champion), gate)
    except EvidenceGoneError as error:
        words = f"refused: it cannot be compared: {error}. Promote it manually if that is intended"
        return Verdict(promoted=False, outcome="not comparable", words=words, champion=number)
