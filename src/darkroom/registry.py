"""The door to MLflow's model registry: versions by content, the alias `champion`, and the history of it.

A version's evidence lies among the artifacts of the run that trained it, in a folder of its own: the
graph as it is served, its answers to the test pictures, the card, and what the model came from. Who
became champion when, by whom and why is kept as tags of the registered model, one a change, which are
added and never written again.
"""

import getpass
import json
import os
import platform
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities.model_registry import ModelVersion as ModelVersion  # for those who call this module
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient as MlflowClient

from darkroom import tracking
from darkroom.files import read_json, write_json

CHAMPION = "champion"
PREDICTIONS = "predictions.parquet"
LOCK_SECONDS = 60.0  # a lock as old as this was left by a process that died: every use takes a second or so
MOST_WHY = 1000  # characters of a reason: it is kept in a tag, which MLflow limits to 5,000


class RegistryError(ValueError):
    """What was asked of the registry cannot be done; the message says why and what to do."""


class EvidenceGoneError(RegistryError):
    """A version's files are not there any more; that they cannot be read now is a plain RegistryError."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A champion's coming: `before` and `after` are versions, `action` is register, promote or rollback."""

    when: str  # UTC, ISO 8601
    who: str
    action: str
    before: str | None
    after: str
    why: str


def registered_name(data_name: str) -> str:
    """Return the name of a data set's registered model."""
    return f"darkroom-{data_name}"


@contextmanager
def trained_run(uri: str, experiment: str, run_id: str) -> Iterator[str]:
    """Open again the run that trained a model, and yield its id.

    A store that lacks it (a fresh clone's) gets one run that stands in for it, however often it is
    asked for.
    """
    tags = {}
    known: str | None = run_id
    if not tracking.has_run(uri, run_id):
        tags = {"stage": "train", "stands_in_for": run_id}
        known = _stand_in(MlflowClient(uri), experiment, run_id)
    with tracking.open_run(uri, experiment, name="train", run_id=known, tags=tags) as run:
        yield run


def lacks_training(uri: str, run_id: str) -> bool:
    """Say whether a run has no epochs: it stands in for one that another store saw."""
    return "train_loss" not in MlflowClient(uri).get_run(run_id).data.metrics


def _stand_in(client: MlflowClient, experiment: str, run_id: str) -> str | None:
    known = client.get_experiment_by_name(experiment)
    if known is None:
        return None
    found = client.search_runs([known.experiment_id], f"tags.stands_in_for = '{run_id}'", max_results=1)
    return str(found[0].info.run_id) if found else None


def evidence_folder(sha256: str) -> str:
    """Return the folder of a version among its run's artifacts, by its graph's hash."""
    return f"versions/{sha256[:12]}"


def versions(client: MlflowClient, name: str) -> list[ModelVersion]:
    """Return all versions of a registered model, the newest first."""
    found = list(client.search_model_versions(f"name='{name}'"))
    return sorted(found, key=lambda version: int(version.version), reverse=True)


def find_version(client: MlflowClient, name: str, sha256: str) -> ModelVersion | None:
    """Return the version whose exported graph has this hash."""
    return next((version for version in versions(client, name) if version.tags.get("sha256") == sha256), None)


def get_version(client: MlflowClient, name: str, which: str) -> ModelVersion:
    """Return a version by its number, or `champion`.

    Raises RegistryError that tells which there are.
    """
    if which == CHAMPION:
        champion = find_champion(client, name)
        if champion is None:
            raise RegistryError(
                f"{name} has no champion: `python -m darkroom promote VERSION --why ...` makes one"
            )
        return champion
    found = versions(client, name)
    for version in found:
        if str(version.version) == which:
            return version
    there = ", ".join(str(version.version) for version in found) or "none: run `dvc repro` first"
    raise RegistryError(f"{name} has no version {which!a}; there are: {there}")


def find_champion(client: MlflowClient, name: str) -> ModelVersion | None:
    """Return the version that the alias points to."""
    try:
        return client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        # an alias that was never set and a model that is not there are told apart by the message alone
        if error.error_code in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"):
            return None
        raise


def create_version(
    name: str, *, exported: Path, evidence: Sequence[Path], run_id: str, tags: Mapping[str, Any]
) -> ModelVersion:
    """Register the exported model in `exported`, inside its open run, with the files of its evidence."""
    info = read_json(exported / "model.json")
    folder = evidence_folder(info["sha256"])
    mlflow.log_artifacts(str(exported), folder)
    tracking.log_files(*evidence, folder=folder)
    all_tags = {**tags, "sha256": info["sha256"], "run_id": run_id}
    return mlflow.register_model(
        _log_model(exported, info), name, tags={key: str(value) for key, value in all_tags.items()}
    )


def _log_model(exported: Path, info: Mapping[str, Any]) -> str:
    """Log an exported model to the open run as an MLflow model; return its URI."""
    import numpy as np
    import onnx
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    shape = (-1, info["height"], info["width"], info["channels"])
    signature = ModelSignature(
        Schema([TensorSpec(np.dtype(np.uint8), shape)]),  # unnamed: MLflow turns named inputs into a dict
        Schema([TensorSpec(np.dtype(np.float32), (-1, len(info["classes"])))]),
    )
    logged = mlflow.onnx.log_model(
        onnx.load(exported / "model.onnx"),
        name="model",
        signature=signature,
        pip_requirements=[f"{package.__name__}=={package.__version__}" for package in (onnx, np)]
        + ["onnxruntime"],
    )
    return str(logged.model_uri)


@contextmanager
def evidence_of(uri: str, version: ModelVersion) -> Iterator[Path]:
    """Give a folder with a version's evidence, for the time of the block.

    Raises:
        EvidenceGoneError: its files are not there.
        RegistryError: they cannot be read now.
    """
    run_id, folder = version.tags.get("run_id", ""), evidence_folder(version.tags.get("sha256", ""))
    what = f"the files of {version.name} version {version.version}"
    with tempfile.TemporaryDirectory() as scratch:
        try:
            # looked up first: of what is not there and of what cannot be read MLflow's download says the same
            if not run_id or not _is_kept(MlflowClient(uri), run_id, f"{folder}/model.json"):
                raise EvidenceGoneError(
                    f"{what} are not in the artifacts of run {run_id or '(none)'} ({folder}/model.json)"
                )
            place = mlflow.artifacts.download_artifacts(
                run_id=run_id, artifact_path=folder, tracking_uri=uri, dst_path=scratch
            )
        except (MlflowException, OSError) as error:
            raise RegistryError(f"{what} cannot be read now: {_line(error)}") from error
        yield Path(place)


def _is_kept(client: MlflowClient, run_id: str, file: str) -> bool:
    """Say whether a run is there and has this file among its artifacts."""
    try:
        return any(kept.path == file for kept in client.list_artifacts(run_id, file.rpartition("/")[0]))
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise


def write_champion(uri: str, name: str, folder: Path) -> dict[str, Any]:
    """Write the champion's graph, description and card to `folder`; return the description.

    Raises RegistryError when there is no champion or its files are gone.
    """
    client = MlflowClient(uri)
    champion = find_champion(client, name)
    if champion is None:
        raise RegistryError(
            f"{name} has no champion in {uri}: make a version champion with "
            "`python -m darkroom promote VERSION --why ...`"
        )
    with evidence_of(uri, champion) as evidence:
        info: dict[str, Any] = read_json(evidence / "model.json")
        info |= {"version": str(champion.version), "run_id": champion.tags["run_id"]}
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in ("model.onnx", "card.html"):
            shutil.copyfile(evidence / file, folder / file)
        write_json(folder / "model.json", info)
    return info


def note_bento(uri: str, name: str, version: str, tag: str) -> None:
    """Write down with a version in which Bento it was packaged last; a store without it is left alone."""
    client = MlflowClient(uri)
    if any(str(known.version) == version for known in versions(client, name)):
        client.set_model_version_tag(name, version, "bento", tag)


def promote(uri: str, name: str, which: str, *, why: str) -> Change:
    """Make a version champion by hand.

    Raises RegistryError when there is no such version, it is champion already, or `why` says nothing.
    """
    client = MlflowClient(uri)
    with exclusive(client, name):
        version = get_version(client, name, which)
        return make_champion(client, version, action="promote", why=why)


def rollback(uri: str, name: str, *, why: str) -> Change:
    """Make the champion before this one champion again; a second rollback goes one further back.

    Versions that were deleted meanwhile are passed over. Raises RegistryError when none is left.
    """
    client = MlflowClient(uri)
    with exclusive(client, name):
        there = {str(version.version): version for version in versions(client, name)}
        champion = find_champion(client, name)
        earlier = [number for number in _succession(history(client, name)) if number in there]
        if champion is not None and earlier and earlier[-1] == str(champion.version):
            earlier.pop()
        if not earlier:
            raise RegistryError(
                f"{name} has no earlier champion to go back to; "
                "`python -m darkroom list` shows the versions, promote makes any of them champion"
            )
        return make_champion(client, there[earlier[-1]], action="rollback", why=why)


def make_champion(client: MlflowClient, version: ModelVersion, *, action: str, why: str) -> Change:
    """Move the alias to `version` and write down who did it and why; the caller holds `exclusive`."""
    # a line that a database takes: no line breaks, no control characters, no halves of characters
    why = re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", "\ufffd", " ".join(why.split()))
    if not why or len(why) > MOST_WHY:
        raise RegistryError(
            f"the reason must have 1 to {MOST_WHY} characters, got {len(why)}: it is kept for others"
        )
    champion = find_champion(client, version.name)
    before = None if champion is None else str(champion.version)
    if before == str(version.version):
        raise RegistryError(f"version {before} of {version.name} is the champion already")
    change = Change(
        when=datetime.now(UTC).isoformat(timespec="microseconds"),
        who=_who(),
        action=action,
        before=before,
        after=str(version.version),
        why=why,
    )
    # the history first: killed between the two, it tells of a change that can be made again; none is untold
    stamp = change.when.replace("+00:00", "Z").replace(":", "-")
    number = (
        len(history(client, version.name)) + 1
    )  # the order: those who share a server need not share a clock
    client.set_registered_model_tag(
        version.name,
        f"history.{number:06}.{stamp}.{uuid.uuid4().hex[:8]}",
        json.dumps(asdict(change), ensure_ascii=False),  # escaped, a reason could outgrow the tag
    )
    client.set_registered_model_alias(version.name, CHAMPION, version.version)
    return change


def history(client: MlflowClient, name: str) -> list[Change]:
    """Return every change of champion, the oldest first."""
    try:
        tags = client.get_registered_model(name).tags
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return []
        raise
    return [Change(**json.loads(tags[key])) for key in sorted(tags) if key.startswith("history.")]


def _succession(changes: Sequence[Change]) -> list[str]:
    """Return the champions that a rollback goes back through, the current one last."""
    line: list[str] = []
    for change in changes:
        if change.action == "rollback" and change.after in line:
            del line[len(line) - line[::-1].index(change.after) :]
        else:
            line.append(change.after)
    return line


@contextmanager
def exclusive(client: MlflowClient, name: str) -> Iterator[None]:
    """Hold the right to change the champion, against every process that uses the same store.

    MLflow has no locks; what every store of it refuses is a second registered model of the same name.
    """
    lock, own = f"{name}.lock", uuid.uuid4().hex
    seen: str | None = None
    since = time.monotonic()
    patience = LOCK_SECONDS * (1 + int(own[:4], 16) / 2**16)  # that of two who wait one is first
    while True:
        try:
            client.create_registered_model(lock, tags={"owner": own}, description="held for a moment")
            break
        except MlflowException as error:
            # "does not exist": released while MLflow looked up who holds it
            if error.error_code not in ("RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST"):
                raise
        owner = _owner(client, lock)
        if owner == own:  # made by a request whose answer was lost, and which MLflow repeated
            break
        if owner != seen:
            seen, since = owner, time.monotonic()
        elif time.monotonic() - since > patience:
            _release(client, lock, seen)
        time.sleep(0.05)
    try:
        yield
    finally:
        _release(client, lock, own)


def _owner(client: MlflowClient, lock: str) -> str | None:
    """Return whose the lock is; None where nobody holds it."""
    try:
        return str(client.get_registered_model(lock).tags.get("owner", ""))
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise


def _release(client: MlflowClient, lock: str, owner: str | None) -> None:
    """Delete the lock where it is still `owner`'s."""
    if owner is None or _owner(client, lock) != owner:
        return
    try:
        client.delete_registered_model(lock)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":  # deleted by a request that MLflow repeated
            raise


def _line(error: Exception) -> str:
    """Return the first line of an error's message: MLflow repeats whole answers of a server."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:MOST_WHY]


def _who() -> str:
    try:
        user = os.environ.get("MLFLOW_TRACKING_USERNAME") or getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        user = f"user {os.getuid()}"
    return f"{user}@{platform.node()}"
