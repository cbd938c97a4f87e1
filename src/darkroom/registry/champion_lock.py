"""The lock that a process holds while it changes the champion."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from darkroom.registry.store import Store

LOCK_SECONDS = 60.0  # a change takes about a second, so the holder of a lock as old as this has died
POLL_SECONDS = 0.05
LOCK_SUFFIX = ".lock"


@contextmanager
def exclusive(store: Store, name: str) -> Iterator[None]:
    """Hold the right to change the champion, against every process that uses the same store.

    MLflow has no locks. Every store of it refuses a second registered model of the same name, so the lock
    is a registered model without versions, `<name>.lock`, whose tag `owner` names the holder. The lock of
    a process that died is removed after `LOCK_SECONDS` to twice as long.
    """
    lock, own = f"{name}{LOCK_SUFFIX}", uuid.uuid4().hex
    seen: str | None = None
    since = time.monotonic()
    patience = LOCK_SECONDS * (1 + int(own[:4], 16) / 2**16)  # differs, so that one of two waiting is first
    while not store.create(lock, {"owner": own}):
        owner = _owner(store, lock)
        if owner == own:  # created by a request whose response was lost and that was then repeated
            break
        if owner != seen:
            seen, since = owner, time.monotonic()
        elif time.monotonic() - since > patience:
            _release(store, lock, seen)
        time.sleep(POLL_SECONDS)
    try:
        yield
    finally:
        _release(store, lock, own)


def _owner(store: Store, lock: str) -> str | None:
    """Return the owner of a lock; None where nobody holds it."""
    held = store.read(lock)
    return None if held is None else held.tags.get("owner", "")


def _release(store: Store, lock: str, owner: str | None) -> None:
    """Delete a lock if it still belongs to `owner`."""
    if owner is not None and _owner(store, lock) == owner:
        store.delete(lock)
