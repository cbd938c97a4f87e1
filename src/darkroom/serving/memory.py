"""How much memory the uploads of one worker hold together, and the limit on it."""

from collections.abc import Iterator
from contextlib import contextmanager

from .errors import too_busy
from .settings import HELD_BYTES


class UploadMemory:
    """Counts the bytes that all uploads of this process hold, and refuses what exceeds the limit.

    Attributes:
        limit: bytes that all uploads together may hold.
        held: bytes that they hold now.
    """

    def __init__(self, limit: int = HELD_BYTES) -> None:
        """Start with nothing held; `limit` is in bytes."""
        self.limit, self.held = limit, 0

    @contextmanager
    def request(self) -> Iterator["RequestMemory"]:
        """Open the account of one request; its bytes are released when the block ends.

        >>> memory = UploadMemory(limit=100)
        >>> with memory.request() as held:
        ...     held.take(60)
        ...     memory.held
        60
        >>> memory.held
        0
        """
        account = RequestMemory(self)
        try:
            yield account
        finally:
            self.held -= account.bytes


class RequestMemory:
    """The bytes that one request holds, as a part of an `UploadMemory`."""

    def __init__(self, memory: UploadMemory) -> None:
        """Start with nothing held."""
        self.memory, self.bytes = memory, 0

    def take(self, count: int) -> None:
        """Add `count` bytes.

        Raises:
            RequestError: 503, the limit of all uploads together would be exceeded.
        """
        if self.memory.held + count > self.memory.limit:
            raise too_busy("Too many uploads arrive at once. Try again in a second.")
        self.memory.held += count
        self.bytes += count
