"""The origin of a version: code, data, parameters, study and environment, collected, kept and shown."""

import shutil
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from darkroom.config.trees import flatten
from darkroom.files import sha256_file, write_json
from darkroom.registry.evidence import evidence_of, read_part
from darkroom.registry.store import PUT_BACK, RegistryError
from darkroom.registry.versions import ModelVersion
from darkroom.text import columns
from darkroom.tracking import lineage
from darkroom.tracking.sources import code_sha256

PRECISION = ("average_precision", "average_precision_low", "average_precision_high")  # of several labels


def collect_origin(
    root: Path,
    *,
    name: str,
    classes: Sequence[str],
    parameters: Mapping[str, Any],
    tuned: Mapping[str, Any],
    data: Mapping[str, Any],
    study: str,
    run_id: str,
    device: str,
    weights: Path,
    backbone: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return everything that identifies what a model was made from, as kept in lineage.json.

    Args:
        root: the checkout.
        name: of the data set.
        classes: their names, in the order of the model's outputs.
        parameters: those that training depends on, with the tuned values.
        tuned: the values that the tuner found.
        data: the report on the data: its `source`, the `sha256` of each split, the `corrections`.
        study: name of the tuner's study, or "none".
        run_id: the run that trained the model.
        device: on which it was trained.
        weights: their file.
        backbone: what models/model_config.json states of a pretrained backbone; None without one.
    """
    return {
        "commit": lineage.commit(root),
        "uncommitted_changes": bool(lineage.uncommitted_diff(root)),
        "code_sha256": code_sha256(root),
        "data": {
            "name": name,
            "source": data["source"],
            "sha256": data["sha256"],
            "corrections": data.get("corrections"),
        },
        "classes": list(classes),
        "parameters": parameters,
        "tuned": tuned,
        "study": study,
        "run": run_id,
        "device": device,
        "weights_sha256": sha256_file(weights),
        "backbone": backbone,
        "environment": lineage.environment(),
    }


def write_origin(origin: Mapping[str, Any], root: Path, folder: Path) -> list[Path]:
    """Write an origin to `folder`, with the uncommitted changes and dvc.lock of `root`; return the files."""
    write_json(folder / "lineage.json", origin)
    (folder / "uncommitted.diff").write_bytes(lineage.uncommitted_diff(root))
    if (root / "dvc.lock").is_file():  # absent where the stages were run without DVC
        shutil.copyfile(root / "dvc.lock", folder / "dvc.lock")
    return sorted(folder.iterdir())


def version_tags(origin: Mapping[str, Any], test: Mapping[str, Any], milliseconds: float) -> dict[str, Any]:
    """Return the tags of a version: its origin in short, its measures in `test`, its latency for an image."""
    precision = {f"test_{name}": test[name] for name in PRECISION if name in test}
    return {
        **precision,
        "test_accuracy": test["accuracy"],
        "test_accuracy_low": test["accuracy_low"],
        "test_accuracy_high": test["accuracy_high"],
        "test_sha256": origin["data"]["sha256"]["test"],
        "train_sha256": origin["data"]["sha256"]["train"],
        "data_source": origin["data"]["source"]["source"],
        "commit": origin["commit"] or "none",
        "uncommitted_changes": origin["uncommitted_changes"],
        "code_sha256": origin["code_sha256"],
        "study": origin["study"],
        "trained_run": origin["run"],
        "milliseconds": milliseconds,
    }


def read_origin(evidence: Path, version: ModelVersion) -> dict[str, Any]:
    """Return the origin in a version's evidence; raises RegistryError where it is missing."""
    if not (evidence / "lineage.json").is_file():
        raise RegistryError(
            f"{version.name} version {version.version} has no lineage: it was registered without, or "
            f"lineage.json was removed; {PUT_BACK}"
        )
    origin: dict[str, Any] = read_part(evidence, "lineage.json")
    return origin


def describe_origin(uri: str, version: ModelVersion) -> str:
    """Return the origin of a version as text: code, data, parameters, environment, study, and its Bento.

    Raises RegistryError when the version's files are gone.
    """
    with evidence_of(uri, version) as folder:
        origin = read_origin(folder, version)
        path = folder / "uncommitted.diff"
        diff = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else "(removed in MLflow)"
    parts = [
        _rows(_summary(version, origin, has_changes=bool(diff))),
        "parameters\n" + _rows(flatten(origin["parameters"]), indent="  "),
        "found by the tuner\n" + _rows(flatten(origin["tuned"]), indent="  "),
        "environment\n" + _rows({**origin["environment"], "device": origin["device"]}, indent="  "),
    ]
    if diff:
        parts.append("uncommitted changes\n" + diff.rstrip("\n"))
    return "\n\n".join(parts)


def _summary(version: ModelVersion, origin: Mapping[str, Any], *, has_changes: bool) -> dict[str, Any]:
    source, hashes = origin["data"]["source"], origin["data"]["sha256"]
    run_id = version.tags["run_id"]
    return {
        "model": f"{version.name} version {version.version}",
        "graph sha256": version.tags["sha256"],
        "weights sha256": origin["weights_sha256"],
        "commit": lineage.describe_commit(origin["commit"], origin.get("code_sha256")),
        **({"uncommitted": "yes, below" if has_changes else "nothing"} if origin["commit"] else {}),
        "data": f"{origin['data']['name']} from {source['source']}"
        + ("" if source.get("official", True) else " (not the official release)"),
        **{f"data sha256, {part}": value for part, value in hashes.items()},
        "corrections": _corrections(origin["data"].get("corrections")),
        **_backbone(origin.get("backbone")),
        "study": origin["study"],
        "run": run_id + ("" if run_id == origin["run"] else f", which stands in for {origin['run']}"),
        "Bento": version.tags.get("bento", "none was built from this version yet"),
    }


def _backbone(backbone: Mapping[str, Any] | None) -> dict[str, str]:
    """Return whose pretrained weights a version was made from, their hash and licence; empty for none."""
    if not backbone:
        return {}
    return {
        "backbone": f"{backbone['name']}, {backbone['source']}",
        "backbone licence": backbone["licence"],
        "backbone sha256": backbone["weights_sha256"],
    }


def _corrections(report: Mapping[str, Any] | None) -> str:
    """Return how many corrections a version was trained with, and their hash."""
    if not report:
        return "none"
    used = report["taken"] + report["relabels"]
    return f"{used:,} of {report['found']:,} were applied" + (f", sha256 {report['sha256']}" if used else "")


def _rows(rows: Mapping[str, Any], indent: str = "") -> str:
    if not rows:
        return f"{indent}nothing"
    return textwrap.indent(columns([(name, str(value)) for name, value in rows.items()]), indent)
