"""The gate's verdict on a version, kept with the version in MLflow."""

import json
from dataclasses import asdict
from typing import Any

from darkroom.registry.champion import MAX_REASON
from darkroom.registry.gate import Verdict
from darkroom.registry.paired_test import Paired, PairedPrecision
from darkroom.registry.store import evidence_folder
from darkroom.registry.versions import MlflowClient, ModelVersion


def keep_verdict(client: MlflowClient, version: ModelVersion, verdict: Verdict) -> None:
    """Keep a verdict with its version: as a tag, as an artifact, and in the description that MLflow shows."""
    text = json.dumps(asdict(verdict))
    folder = evidence_folder(version.tags["sha256"])
    client.log_text(
        version.tags["run_id"], json.dumps(asdict(verdict), indent=2) + "\n", f"{folder}/verdict.json"
    )
    client.update_model_version(
        version.name, version.version, description=_description(client, version, verdict)
    )
    client.set_model_version_tag(version.name, version.version, "verdict", text)


def read_verdict(version: ModelVersion) -> Verdict | None:
    """Return the verdict kept with a version; None where it was not judged, or somebody edited the tag."""
    try:
        tree = json.loads(version.tags["verdict"])
        paired = tree.pop("paired")
        return Verdict(**tree, paired=_paired(paired) if paired else None)
    except (KeyError, ValueError, TypeError, AttributeError):
        return None


def _paired(tree: dict[str, Any]) -> Paired:
    return PairedPrecision(**tree) if "measure" in tree else Paired(**tree)


def shortened(words: str) -> str:
    """Return words that fit where MLflow keeps them: a long list of classes loses its middle.

    >>> shortened("refused: it has other classes")
    'refused: it has other classes'
    >>> len(shortened("x" * 5000)) <= MAX_REASON
    True
    """
    if len(words) <= MAX_REASON:
        return words
    begin, end = words[: MAX_REASON - 300], words[-290:]
    return f"{begin} [...] {end}"


def _description(client: MlflowClient, version: ModelVersion, verdict: Verdict) -> str:
    """Return what MLflow's page shows of a version, as Markdown."""
    folder = evidence_folder(version.tags["sha256"])
    run = client.get_run(version.tags["run_id"]).info
    artifacts = f"#/experiments/{run.experiment_id}/runs/{run.run_id}/artifacts"
    return (
        f"**{verdict.words}**\n\n"
        f"The [run's artifacts]({artifacts}) hold in `{folder}` the model card (`card.html`), the verdict, "
        "the predictions on the test images and what the model was made from."
    )
