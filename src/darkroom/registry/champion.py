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
from darkroom.registry.store import PUT_BACK, RegisteredModel, RegistryError, Store

HISTORY = "history."  # begins the tags that record changes
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

    Raises RegistryError when there is no such version or its files are gone, when it is the champion already,
    or when `why` is empty.
    """
    with exclusive(store, name):
        existing = sorted(store.versions(name), key=int, reverse=True)
        if not existing:
            raise RegistryError(no_model(name))
        if version not in existing:
            raise RegistryError(no_version(name, version, existing))
        if not store.has_files(name, version):
            raise RegistryError(
                f"version {version} of {name} could not be served: its files are gone; {PUT_BACK}"
            )
        return make_champion(store, name, version, action="promote", why=why)


def rollback(store: Store, name: str, *, why: str) -> Change:
    """Make the previous champion champion again; a second rollback goes back one more.

    Versions that were deleted in the meantime, or whose files are gone, are skipped. Raises RegistryError
    when none is left.
    """
    with exclusive(store, name):
        model, existing = store.read(name), store.versions(name)
        if model is None:
            raise RegistryError(no_model(name))
        line = succession(happened(_changes(model), model.champion))
        earlier = [version for version in line if version in existing]
        if earlier and earlier[-1] == model.champion:
            earlier.pop()
        gone = []
        while earlier and not store.has_files(name, earlier[-1]):
            gone.append(earlier.pop())
        if not earlier:
            skipped = f" whose files exist (those of {', '.join(gone)} are gone)" if gone else ""
            raise RegistryError(
                f"{name} has no earlier champion{skipped} to go back to; "
                "`python -m darkroom list` shows the versions, promote makes any of them champion"
            )
        return make_champion(store, name, earlier[-1], action="rollback", why=why)


def history(store: Store, name: str) -> list[Change]:
    """Return every change of champion, the oldest first; raises RegistryError when there is no such model.

    What somebody changed in MLflow itself was not recorded; it shows where a change does not begin with the
    version that the one before it made champion.
    """
    model = store.read(name)
    if model is None:
        raise RegistryError(no_model(name))
    return _changes(model)


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
    number = _last_number(model) + 1  # gives the order, because the clocks of several machines differ
    store.set_tag(
        name,
        f"{HISTORY}{number:06}.{stamp}.{uuid.uuid4().hex[:8]}",
        json.dumps(asdict(change), ensure_ascii=False),  # escaped, a reason could exceed the limit of a tag
    )
    store.set_champion(name, version)
    return change


def no_version(name: str, version: str, existing: Sequence[str]) -> str:
    """Return the message that a version is not among the `existing` ones.

    >>> no_version("darkroom-digits", "7", ["2", "1"])
    "darkroom-digits has no version '7'; there are: 2, 1"
    """
    return f"{name} has no version {version!a}; there are: {', '.join(existing)}"


def no_model(name: str) -> str:
    """Return the message that no version of a registered model exists."""
    return (
        f"{name} has no versions: if the model was renamed in MLflow, give its name after --name; otherwise "
        "`dvc repro` registers one, and `dvc repro -s -f register` the one in models/"
    )


def succession(changes: Sequence[Change]) -> list[str]:
    """Return the versions that a rollback goes back through, the current champion last.

    A version that became champion without a record, in MLflow itself, is among them where a recorded change
    began with it.

    >>> changes = [("register", "1"), ("promote", "2"), ("promote", "3"), ("rollback", "2")]
    >>> succession(
    ...     [Change(when="", who="", action=a, before=None, after=v, why="") for a, v in changes]
    ... )
    ['1', '2']
    >>> succession([Change(when="", who="", action="promote", before="1", after="2", why="")])
    ['1', '2']
    """
    line: list[str] = []
    for change in changes:
        if change.before is not None and line[-1:] != [change.before]:
            line.append(change.before)
        if change.action == "rollback" and change.after in line:
            del line[len(line) - line[::-1].index(change.after) :]
        else:
            line.append(change.after)
    return line


def _changes(model: RegisteredModel) -> list[Change]:
    """Return the recorded changes; what somebody edited into something else is left out."""
    tags = [model.tags[key] for key in sorted(model.tags) if key.startswith(HISTORY)]
    return [change for change in map(_read_change, tags) if change]


def happened(changes: Sequence[Change], champion: str | None) -> list[Change]:
    """Return the changes without those that a process recorded and, killed or refused, did not make.

    After such a change the champion is the one from before it, as the next change or `champion` shows. The
    same is so where somebody undid a change in MLflow itself.

    >>> changes = [
    ...     Change(when="", who="", action="promote", before=b, after=a, why="")
    ...     for b, a in ((None, "1"), ("1", "2"), ("1", "3"))
    ... ]
    >>> [change.after for change in happened(changes, "3")]
    ['1', '3']
    """
    then = [change.before for change in changes[1:]]
    return [
        change
        for change, following in zip(changes, (*then, champion), strict=False)  # no changes, no pair
        if following is None or following == change.after or following != change.before
    ]


def _read_change(text: str) -> Change | None:
    try:
        tree = json.loads(text)
        change = Change(**tree)
    except (ValueError, TypeError):
        return None
    texts = (change.when, change.who, change.action, change.after, change.why)
    return change if all(isinstance(text, str) for text in texts) else None


def _last_number(model: RegisteredModel | None) -> int:
    """Return the highest number among the recorded changes, 0 where there are none."""
    tags = {} if model is None else model.tags
    numbers = [key.removeprefix(HISTORY).partition(".")[0] for key in tags if key.startswith(HISTORY)]
    return max((int(number) for number in numbers if number.isdecimal()), default=0)


def _who() -> str:
    try:
        user = os.environ.get("MLFLOW_TRACKING_USERNAME") or getpass.getuser()
    except (KeyError, OSError):  # the user of a container may have no name
        user = f"user {os.getuid()}"
    return f"{user}@{platform.node()}"
