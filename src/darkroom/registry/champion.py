"""Who is champion: the rules of changing it and the history of the changes, on whatever keeps the registry.

Who became champion when, by whom and why is kept as tags of the registered model, one a change, which are
added and never written again. Nothing here imports MLflow, which takes seconds: `registry` has a store by
its client, `stores` the two that `python -m darkroom rollback` is fast with.
"""

import getpass
import json
import os
import platform
import re
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Protocol

CHAMPION = "champion"
LOCK_SECONDS = 60.0  # a lock as old as this was left by a process that died: every use takes a second or so
MOST_WHY = 1000  # characters of a reason: it is kept in a tag, which MLflow limits to 5,000


class RegistryError(ValueError):
    """What was asked of the registry cannot be done; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A champion's coming: `before` and `after` are versions, `action` is register, promote or rollback."""

    when: str  # UTC, ISO 8601
    who: str
    action: str
    before: str | None
    after: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Model:
    """A registered model's `tags`, and the version that the alias points to."""

    tags: dict[str, str]
    champion: str | None


class Store(Protocol):
    """What keeps a registry. Each method raises RegistryError where the store does not answer."""

    def read(self, name: str) -> Model | None:
        """Return a registered model; None where there is none of this name."""

    def versions(self, name: str) -> list[str]:
        """Return the numbers of a model's versions that are not deleted, in any order."""

    def tag(self, name: str, key: str, value: str) -> None:
        """Give a registered model a tag."""

    def point(self, name: str, version: str) -> None:
        """Point the alias to a version."""

    def create(self, name: str, tags: dict[str, str]) -> bool:
        """Make a registered model; return whether it was made: not where there is one of this name."""

    def delete(self, name: str) -> None:
        """Delete a registered model without versions, if it is there."""


def registered_name(data_name: str) -> str:
    """Return the name of a data set's registered model."""
    return f"darkroom-{data_name}"


def promote(store: Store, name: str, which: str, *, why: str) -> Change:
    """Make a version champion by hand.

    Raises RegistryError when there is no such version, it is champion already, or `why` says nothing.
    """
    with exclusive(store, name):
        there = sorted(store.versions(name), key=int, reverse=True)
        if which not in there:
            raise RegistryError(no_version(name, which, there))
        return make_champion(store, name, which, action="promote", why=why)


def rollback(store: Store, name: str, *, why: str) -> Change:
    """Make the champion before this one champion again; a second rollback goes one further back.

    Versions that were deleted meanwhile are passed over. Raises RegistryError when none is left.
    """
    with exclusive(store, name):
        model, there = store.read(name), store.versions(name)
        earlier = [number for number in _succession(_changes(model)) if number in there]
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


def without_secrets(text: str) -> str:
    """Return a text without the users and passwords of the addresses in it."""
    return re.sub(r"(?<=://)[^/@]*@", "", text)


def no_version(name: str, which: str, there: Sequence[str]) -> str:
    """Say that a version is not among those that are `there`."""
    return f"{name} has no version {which!a}; there are: {', '.join(there) or 'none: run `dvc repro` first'}"


def make_champion(store: Store, name: str, version: str, *, action: str, why: str) -> Change:
    """Move the alias to `version` and write down who did it and why; the caller holds `exclusive`."""
    # a line that a database takes: no line breaks, no control characters, no halves of characters
    why = re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", "\ufffd", " ".join(why.split()))
    if not why or len(why) > MOST_WHY:
        raise RegistryError(
            f"the reason must have 1 to {MOST_WHY} characters, got {len(why)}: it is kept for others"
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
    # the history first: killed between the two, it tells of a change that can be made again; none is untold
    stamp = change.when.replace("+00:00", "Z").replace(":", "-")
    number = len(_changes(model)) + 1  # the order: those who share a server need not share a clock
    store.tag(
        name,
        f"history.{number:06}.{stamp}.{uuid.uuid4().hex[:8]}",
        json.dumps(asdict(change), ensure_ascii=False),  # escaped, a reason could outgrow the tag
    )
    store.point(name, version)
    return change


def _changes(model: Model | None) -> list[Change]:
    tags = {} if model is None else model.tags
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
def exclusive(store: Store, name: str) -> Iterator[None]:
    """Hold the right to change the champion, against every process that uses the same store.

    MLflow has no locks; what every store of it refuses is a second registered model of the same name.
    """
    lock, own = f"{name}.lock", uuid.uuid4().hex
    seen: str | None = None
    since = time.monotonic()
    patience = LOCK_SECONDS * (1 + int(own[:4], 16) / 2**16)  # that of two who wait one is first
    while not store.create(lock, {"owner": own}):
        owner = _owner(store, lock)
        if owner == own:  # made by a request whose answer was lost, and which was repeated
            break
        if owner != seen:
            seen, since = owner, time.monotonic()
        elif time.monotonic() - since > patience:
            _release(store, lock, seen)
        time.sleep(0.05)
    try:
        yield
    finally:
        _release(store, lock, own)


def _owner(store: Store, lock: str) -> str | None:
    """Return whose the lock is; None where nobody holds it."""
    held = store.read(lock)
    return None if held is None else held.tags.get("owner", "")


def _release(store: Store, lock: str, owner: str | None) -> None:
    """Delete the lock where it is still `owner`'s."""
    if owner is not None and _owner(store, lock) == owner:
        store.delete(lock)


def _who() -> str:
    try:
        user = os.environ.get("MLFLOW_TRACKING_USERNAME") or getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        user = f"user {os.getuid()}"
    return f"{user}@{platform.node()}"
