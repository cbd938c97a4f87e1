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
from darkroom.registry.evidence import EvidenceGoneError, read_candidate
from darkroom.registry.gate import Verdict, judge
from darkroom.registry.mlflow_store import MlflowStore
from darkroom.registry.verdicts import keep_verdict, read_verdict, shortened
from darkroom.registry.versions import MlflowClient, ModelVersion


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
    not judged again while there is a champion: what people did with the registry since then is kept.

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
        words = f"refused: {error}, so it cannot be compared; promote it manually if that is intended"
        return Verdict(promoted=False, outcome="not comparable", words=words, champion=number)
