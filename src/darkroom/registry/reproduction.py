"""Where a registered version comes from, told; and the version made again from that, compared."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from darkroom.config.trees import flatten
from darkroom.data.splits import split_sha256
from darkroom.files import read_json, sha256_file
from darkroom.registry.champion import RegistryError
from darkroom.registry.versions import ModelVersion, evidence_of
from darkroom.tracking.lineage import environment

STAGES = ("train", "calibrate", "evaluate")
DATA_OUTS = ("data/train", "data/validation", "data/test", "data/meta.json", "data/source.json")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A version made again beside the one that is registered.

    Attributes:
        same_weights: to the bit.
        differing: metrics that differ, as `name: (registered, made again)`.
        metrics: how many were compared.
        other_environment: versions that differ, as `name: (registered, here)`.
    """

    same_weights: bool
    metrics: int
    differing: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    other_environment: dict[str, tuple[Any, Any]] = field(default_factory=dict)


def tell(uri: str, version: ModelVersion) -> str:
    """Return as text all that a version comes from: code, data, parameters, environment, study; its Bento.

    Raises RegistryError when the version's files are gone.
    """
    with evidence_of(uri, version) as folder:
        origin = _read_origin(folder, version)
        diff = (folder / "uncommitted.diff").read_text(encoding="utf-8", errors="replace")
    source, hashes = origin["data"]["source"], origin["data"]["sha256"]
    rows = {
        "model": f"{version.name} version {version.version}",
        "graph sha256": version.tags["sha256"],
        "weights sha256": origin["weights_sha256"],
        "commit": origin["commit"] or "none: made outside git",
        "uncommitted": "yes, below" if diff else "nothing",
        "data": f"{origin['data']['name']} from {source['source']}"
        + ("" if source.get("official", True) else " (not the official release)"),
        **{f"data sha256, {part}": value for part, value in hashes.items()},
        "corrections": _corrections(origin["data"].get("corrections")),
        "study": origin["study"],
        "run": version.tags["run_id"]
        + ("" if version.tags["run_id"] == origin["run"] else f", which stands in for {origin['run']}"),
        "Bento": version.tags.get("bento", "none was built from this version yet"),
    }
    parts = [_rows(rows)]
    parts.append("parameters\n" + _rows(flatten(origin["parameters"]), indent="  "))
    parts.append("found by the tuner\n" + _rows(flatten(origin["tuned"]), indent="  "))
    parts.append("environment\n" + _rows({**origin["environment"], "device": origin["device"]}, indent="  "))
    if diff:
        parts.append("uncommitted changes\n" + diff.rstrip("\n"))
    return "\n\n".join(parts) + "\n"


def reproduce(uri: str, version: ModelVersion, *, root: Path, into: Path) -> Comparison:
    """Check out what a version was made from into the new folder `into`, make it again there, and compare.

    The code is the commit with the uncommitted changes, the values those that the tuner had found, the
    data the same by its hash: from DVC's cache or remote, else downloaded anew. Training, calibration
    and evaluation run; their runs are logged to a database in `into`.

    Raises:
        RegistryError: a part is missing, with what to do; nothing is left in `into` then unless a stage ran.
        FileExistsError: `into` is there already.
    """
    if into.exists():
        raise FileExistsError(f"{into} is there already: name a folder that is not")
    with evidence_of(uri, version) as evidence:
        origin = _read_origin(evidence, version)
        try:
            check_out(root, origin["commit"], evidence / "uncommitted.diff", into)
            fetch_data(root, evidence / "dvc.lock", origin["data"]["sha256"], into)
        except BaseException:
            shutil.rmtree(into, ignore_errors=True)
            raise
        (into / "models").mkdir(exist_ok=True)
        shutil.copyfile(evidence / "tuned.json", into / "models" / "tuned.json")
        for stage in STAGES:
            run_stage(into, stage)
        again, before = (
            flatten(read_json(path)) for path in (into / "reports/metrics.json", evidence / "metrics.json")
        )
    here = environment()
    return Comparison(
        same_weights=sha256_file(into / "models/model.safetensors") == origin["weights_sha256"],
        metrics=len(before),
        differing=_differing(before, again),
        other_environment=_differing(origin["environment"], here),
    )


def check_out(root: Path, commit: str | None, diff: Path, into: Path) -> None:
    """Write a commit of the repository at `root`, with the changes in `diff`, to the new folder `into`.

    Raises RegistryError when the commit is not in the repository or the diff does not apply.
    """
    if not commit:
        raise RegistryError("the version was made outside git: there is no commit to check out")
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent) as scratch:
        archive = Path(scratch) / "commit.tar"
        done = _command(["git", "-C", str(root), "archive", "-o", str(archive), commit])
        if done.returncode:
            raise RegistryError(
                f"commit {commit} is not in {root} ({done.stderr.strip()}): fetch it, "
                f"`git fetch origin {commit}`, or ask whoever registered the version to push it"
            )
        files = Path(scratch) / "files"
        with tarfile.open(archive) as tar:
            tar.extractall(files, filter="data")
        if diff.stat().st_size:
            # --git-dir: below another repository `git apply` would look for the files there
            done = _command(
                ["git", "apply", "--whitespace=nowarn", str(diff.resolve())], cwd=files, GIT_DIR=os.devnull
            )
            if done.returncode:
                raise RegistryError(
                    f"the uncommitted changes do not apply to {commit}: {done.stderr.strip()}"
                )
        files.rename(into)


def fetch_data(root: Path, lock: Path, hashes: Mapping[str, str], into: Path) -> None:
    """Bring the splits whose SHA-256 are `hashes` into the checkout at `into`.

    From the cache of the repository at `root`, from its DVC remote, or downloaded and split anew.
    Raises RegistryError when what came is not the same.
    """
    tried = []
    if lock.is_file():
        shutil.copyfile(lock, into / "dvc.lock")
        cache = _command([sys.executable, "-m", "dvc", "cache", "dir"], cwd=root).stdout.strip()
        for name, value in (("core.no_scm", "true"), ("cache.dir", cache or str(root / ".dvc/cache"))):
            _command([sys.executable, "-m", "dvc", "config", "--local", name, value], cwd=into)
        for command in ("checkout", "pull"):
            done = _command([sys.executable, "-m", "dvc", command, *DATA_OUTS], cwd=into)
            if not done.returncode and _matches(into, hashes):
                return
            tried.append(f"dvc {command}: {(done.stderr.strip().splitlines() or ['other data'])[-1]}")
        # preprocess takes corrections in; those that a team shares have a .dvc file in the commit
        if shared := [str(path.relative_to(into)) for path in (into / "corrections").glob("*.dvc")]:
            for command in ("checkout", "pull"):
                _command([sys.executable, "-m", "dvc", command, *shared], cwd=into)
    for stage in ("download", "preprocess"):
        run_stage(into, stage)
    if not _matches(into, hashes):
        tried.append("download and preprocess: other data than the version's")
        raise RegistryError(f"the version's data cannot be had again ({'; '.join(tried)})")


def run_stage(folder: Path, stage: str) -> None:
    """Run a stage's script in a checkout, with a tracking database of its own; its output goes to ours.

    Raises RegistryError when it fails.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_TRACKING")}
    done = subprocess.run(
        [sys.executable, "-m", f"pipeline.{stage}"],
        cwd=folder,
        env=kept | {"PYTHONPATH": str(folder / "src")},
        check=False,
    )
    if done.returncode:
        raise RegistryError(f"stage {stage} failed in {folder}: its message is above")


def _matches(folder: Path, hashes: Mapping[str, str]) -> bool:
    places = {part: folder / "data" / part for part in hashes}
    return all((place / "images.npy").is_file() for place in places.values()) and all(
        split_sha256(place) == hashes[part] for part, place in places.items()
    )


def _read_origin(evidence: Path, version: ModelVersion) -> dict[str, Any]:
    path = evidence / "lineage.json"
    if not path.is_file():
        raise RegistryError(f"{version.name} version {version.version} was registered without its lineage")
    origin: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return origin


def _corrections(told: Mapping[str, Any] | None) -> str:
    """Say how many corrections a version was trained with, and what names them."""
    if not told:
        return "none"
    used = told["taken"] + told["relabels"]
    return f"{used:,} of {told['found']:,} went in" + (f", sha256 {told['sha256']}" if used else "")


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {
        key: (before.get(key), after.get(key))
        for key in {**before, **after}
        if before.get(key) != after.get(key)
    }


def _command(
    command: list[str], *, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env=os.environ | environment
    )


def _rows(rows: Mapping[str, Any], indent: str = "") -> str:
    width = max((len(name) for name in rows), default=0)
    return (
        "\n".join(f"{indent}{name:<{width}}  {value}" for name, value in rows.items()) or f"{indent}nothing"
    )
