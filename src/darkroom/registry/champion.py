"""The champion: how it changes and the history of its changes, on any store of the registry.

Each change is kept as a tag of the registered model: who made which version champion, when, and why. Tags
are only added, never rewritten. Nothing here imports MLflow, which takes seconds.
"""

import getpass
import json
import os
import platform
import re
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from darkroom.registry.champion_lock import exclusive
from darkroom.registry.store import RegisteredModel, RegistryError, Store

MAX_REASON = 1000  # characters of a reason: it is kept in a tag, which MLflow limits to 5,000


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of champion: `before` and `after` are versions, `action` is register, promote or rollback."""

    when: str  # UTC, ISO 8601
    who: str
    action: str
    before: str | None
    after: str
    why: str


def promote(store: Store, name: str, version: str, *, why: str) -> Change:
    """Make a version champion on a person's decision.

    Raises RegistryError when there is no such version, when it is the champion already, or when `why` is
    empty.
    """
    with exclusive(store, name):
        existing = sorted(store.versions(name), key=int, reverse=True)
        if version not in existing:
            raise RegistryError(no_version(name, version, existing))
        return make_champion(store, name, version, action="promote", why=why)


def rollback(store: Store, name: str, *, why: str) -> Change:
    """Make the previous champion champion again; a second rollback goes back one more.

    Versions that were deleted in the meantime are skipped. Raises RegistryError when none is left.
    """
    with exclusive(store, name):
        model, existing = store.read(name), store.versions(name)
        earlier = [version for version in succession(_changes(model)) if version in existing]
        if model is not None and earlier and earlier[-1] == model.champion:
            earlier.pop()
        if not earlier:
            raise RegistryError(
                f"{name} has no earlier champion to go back to; "
                "`python -m darkroom list` shows the versions, promote makes any of them champion"
            )
        return make_champion(store, name, earlier[-1], action="rollback", why=why)


def history(store: Store, name: str) -> list[Change]:
    """Return every change of champion, the oldest first."""
    return _changes(store.read(name))


def make_champion(store: Store, name: str, version: str, *, action: str, why: str) -> Change:
    """Set the alias to `version` and record who did it and why; the caller holds `exclusive`.

    Raises RegistryError when `version` is the champion already, or `why` has not 1 to 1000 characters.
    """
    # a line that every database takes: no line breaks, control characters or lone surrogates
    why = re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", "\ufffd", " ".join(why.split()))
    if not why or len(why) > MAX_REASON:
        raise RegistryError(
            f"the reason must have 1 to {MAX_REASON} characters, got {len(why)}: the history shows it"
        )
    model = store.read(name)
    before = None if model is None else model.champion
    if before == version:
        raise RegistryError(f"version {before} of {name} is the champion already")
    change = Change(
        when=datetime.now(UTC).isoformat(timespec="microseconds"),
        who=_who(),
        action=action,
        before=before,
        after=version,
        why=why,
    )
    # The history is written first: a process killed between the two leaves a recorded change that did not
    # happen and can be repeated, but never a change without a record.
    stamp = change.when.replace("+00:00", "Z").replace(":", "-")
    number = len(_changes(model)) + 1  # gives the order, because the clocks of several machines differ
    store.set_tag(
        name,
        f"history.{number:06}.{stamp}.{uuid.uuid4().hex[:8]}",
        json.dumps(asdict(change), ensure_ascii=False),  # escaped, a reason could exceed the limit of a tag
    )
    store.set_champion(name, version)
    return change


def no_version(name: str, version: str, existing: Sequence[str]) -> str:
    """Return the message that a version is not among the `existing` ones.

    >>> no_version("darkroom-digits", "7", ["2", "1"])
    "darkroom-digits has no version '7'; there are: 2, 1"
    """
    listed = ", ".join(existing) or "none: run `dvc repro` first"
    return f"{name} has no version {version!a}; there are: {listed}"


def succession(changes: Sequence[Change]) -> list[str]:
    """Return the versions that a rollback goes back through, the current champion last.

    >>> changes = [("register", "1"), ("promote", "2"), ("promote", "3"), ("rollback", "2")]
    >>> succession(
    ...     [Change(when="", who="", action=a, before=None, after=v, why="") for a, v in changes]
    ... )
    ['1', '2']
    """
    line: list[str] = []
    for change in changes:
        if change.action == "rollback" and change.after in line:
            del line[len(line) - line[::-1].index(change.after) :]
        else:
            line.append(change.after)
    return line


def _changes(model: RegisteredModel | None) -> list[Change]:
    tags = {} if model is None else model.tags
    return [Change(**json.loads(tags[key])) for key in sorted(tags) if key.startswith("history.")]


def _who() -> str:
    try:
        user = os.environ.get("MLFLOW_TRACKING_USERNAME") or getpass.getuser()
    except (KeyError, OSError):  # the user of a container may have no name
        user = f"user {os.getuid()}"
    return f"{user}@{platform.node()}"
