"""A registered version reproduced from its origin, and compared with the original."""

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

from darkroom import stopping
from darkroom.config.trees import flatten
from darkroom.data.splits import split_sha256
from darkroom.files import read_json, sha256_file, write_json
from darkroom.registry.evidence import EvidenceGoneError, evidence_of, read_part
from darkroom.registry.origin import read_origin
from darkroom.registry.store import RegistryError
from darkroom.registry.versions import ModelVersion
from darkroom.tracking.lineage import environment
from darkroom.tracking.sources import code_sha256, source_files

STAGES = ("train", "calibrate", "evaluate")
BACKBONE_OUT = "models/backbone"
DATA_OUTS = ("data/train", "data/validation", "data/test", "data/meta.json", "data/source.json")


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """A reproduced version beside the one that is registered.

    Attributes:
        same_weights: whether the weights are the same to the bit.
        differing: metrics that differ, as `name: (registered, reproduced)`.
        metrics: how many were compared.
        other_environment: package versions that differ, as `name: (registered, here)`.
    """

    same_weights: bool
    metrics: int
    differing: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    other_environment: dict[str, tuple[Any, Any]] = field(default_factory=dict)


def reproduce(uri: str, version: ModelVersion, *, root: Path, into: Path) -> Reproduction:
    """Check out what a version was made from into the new folder `into`, reproduce it there, and compare.

    The code is the commit with the uncommitted changes; without git it is the code in `root`, if it has the
    version's hash. The tuned values are those that the tuner found, and the data has the same hashes: it
    comes from DVC's cache or remote, or is downloaded again; so do the weights of a pretrained backbone, or
    they are found again as at first. Training, calibration and evaluation run;
    their runs are logged to a database in `into`.

    Raises:
        RegistryError: a part is missing; the message says what to do. `into` stays only if training began.
        FileExistsError: `into` exists already.
    """
    if into.exists():
        raise FileExistsError(f"{into} exists already: name a new folder")
    with evidence_of(uri, version) as evidence:
        origin = read_origin(evidence, version)
        tuned, measured = (read_part(evidence, part) for part in ("tuned.json", "metrics.json"))
        try:
            if origin["commit"]:
                check_out(root, origin["commit"], evidence / "uncommitted.diff", into)
            else:
                copy_code(root, origin.get("code_sha256"), evidence / "params.yaml", into)
            fetch_data(root, evidence / "dvc.lock", origin["data"]["sha256"], into)
            if origin.get("backbone"):
                fetch_backbone(origin["backbone"]["weights_sha256"], into)
        except BaseException:
            shutil.rmtree(into, ignore_errors=True)
            raise
        (into / "models").mkdir(exist_ok=True)
        write_json(into / "models" / "tuned.json", tuned)
        for stage in STAGES:
            run_stage(into, stage)
        after, before = flatten(read_json(into / "reports/metrics.json")), flatten(measured)
    return Reproduction(
        same_weights=sha256_file(into / "models/model.safetensors") == origin["weights_sha256"],
        metrics=len(before),
        differing=_differing(before, after),
        other_environment=_differing(origin["environment"], environment()),
    )


def check_out(root: Path, commit: str, diff: Path, into: Path) -> None:
    """Write a commit of the repository at `root`, with the changes in `diff`, to the new folder `into`.

    Raises RegistryError when the commit is not in the repository or the diff does not apply.
    """
    if not diff.is_file():
        raise EvidenceGoneError("the uncommitted changes are missing among the version's files")
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
            # GIT_DIR: inside another repository `git apply` would apply the diff to that one
            done = _command(
                ["git", "apply", "--whitespace=nowarn", str(diff.resolve())], cwd=files, GIT_DIR=os.devnull
            )
            if done.returncode:
                raise RegistryError(
                    f"the uncommitted changes do not apply to {commit}: {done.stderr.strip()}"
                )
        files.rename(into)


def copy_code(root: Path, sha256: str | None, params: Path, into: Path) -> None:
    """Copy the project's files in `root` to the new folder `into`, with the parameters in `params`.

    This stands for a checkout where a version was made without git. Raises RegistryError when the code in
    `root` is not the code of that version, whose hash is `sha256`; None where that was not kept.
    """
    if sha256 is None:
        raise RegistryError(
            "the version was made without git, and by a Darkroom that did not keep the hash of its code: "
            "there is nothing to say which code that was"
        )
    if (here := code_sha256(root)) != sha256:
        raise RegistryError(
            f"the version was made without git: the hash of its code is {sha256}, and that of the code in "
            f"{root} is {here}. Unpack the sources that it was made from, and reproduce it there, with "
            "--uri to name this registry"
        )
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent) as scratch:
        files = Path(scratch) / "files"
        for name in source_files(root):
            (files / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, files / name, follow_symlinks=False)
        shutil.copyfile(params, files / "params.yaml")
        files.rename(into)


def fetch_data(root: Path, lock: Path, hashes: Mapping[str, str], into: Path) -> None:
    """Bring the splits whose SHA-256 are `hashes` into the checkout at `into`.

    They come from the cache of the repository at `root`, from its DVC remote, or are downloaded and split
    again. Raises RegistryError when none of these gives the same data.
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
        # preprocess applies corrections; those that a team shares have a .dvc file in the commit
        if shared := [str(path.relative_to(into)) for path in (into / "corrections").glob("*.dvc")]:
            for command in ("checkout", "pull"):
                _command([sys.executable, "-m", "dvc", command, *shared], cwd=into)
    for stage in ("source", "download", "preprocess"):
        run_stage(into, stage)
    if not _matches(into, hashes):
        tried.append("source, download and preprocess: other data than the version's")
        raise RegistryError(f"the version's data cannot be restored ({'; '.join(tried)})")


def fetch_backbone(sha256: str, into: Path) -> None:
    """Bring the weights of the pretrained backbone, whose hash is `sha256`, into the checkout at `into`.

    They come from DVC's cache or remote, which `fetch_data` set up, or from where params.yaml says. Raises
    RegistryError when none of these gives the same weights.
    """
    about, tried = into / BACKBONE_OUT / "about.json", []
    for command in ("checkout", "pull"):
        done = _command([sys.executable, "-m", "dvc", command, BACKBONE_OUT], cwd=into)
        if not done.returncode and about.is_file() and read_json(about).get("sha256") == sha256:
            return
        tried.append(f"dvc {command}: {(done.stderr.strip().splitlines() or ['other weights'])[-1]}")
    try:
        run_stage(into, "backbone")
    except RegistryError:
        tried.append("model.weights: its message is above")
    else:
        if read_json(about)["sha256"] == sha256:
            return
        tried.append(f"model.weights: the SHA-256 of those weights is {read_json(about)['sha256']}")
    raise RegistryError(
        f"the weights of the version's backbone, SHA-256 {sha256}, cannot be restored ({'; '.join(tried)}): "
        "`dvc pull models/backbone` where they were pushed, or put back the file in model.weights"
    )


def run_stage(folder: Path, stage: str) -> None:
    """Run a stage's script in a checkout, with a tracking database of its own; its output is shown.

    Raises RegistryError when it fails.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_TRACKING")}
    command = [sys.executable, "-m", f"pipeline.{stage}"]
    environment = kept | {"PYTHONPATH": str(folder / "src")}
    if stopping.run_command(command, folder=folder, environment=environment):
        raise RegistryError(f"stage {stage} failed in {folder}: its message is above")


def _matches(folder: Path, hashes: Mapping[str, str]) -> bool:
    places = {part: folder / "data" / part for part in hashes}
    return all((place / "images.npy").is_file() for place in places.values()) and all(
        split_sha256(place) == hashes[part] for part, place in places.items()
    )


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
        command,
        cwd=cwd,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"} | environment,
    )
