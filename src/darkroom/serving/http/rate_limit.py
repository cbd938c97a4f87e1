"""The limit on one client's requests per minute, counted over all workers together."""

import hashlib
import ipaddress
import mmap
import os
import struct
import tempfile
import time
from pathlib import Path

SLOTS = 65_536
KEY_BYTES = 16
_TIME = struct.Struct("d")


class RateLimit:
    """The generic cell rate algorithm on a small table that all workers map into memory.

    For each client one number is kept: the time at which its requests so far would have ended at the
    allowed rate. A client that is further ahead than the burst is refused. The table has a fixed size: two
    clients whose hashes share a slot share a limit, and a secret key makes the slots unpredictable. Two
    workers that write one slot at the same moment may let one request too many through.
    """

    def __init__(self, requests_per_minute: int, folder: Path | None, *, burst_seconds: float = 10) -> None:
        """Open the table.

        Args:
            requests_per_minute: allowed to one client, on average.
            folder: where the workers of one service share their table; None: the table is this process's.
            burst_seconds: a client may send the requests of so many seconds at once.
        """
        self.requests_per_minute = requests_per_minute
        self._interval = 60 / requests_per_minute
        self._ahead = max(burst_seconds, self._interval)
        if folder is None:
            self._table = mmap.mmap(-1, KEY_BYTES + SLOTS * _TIME.size)
            self._table[:KEY_BYTES] = os.urandom(KEY_BYTES)
        else:
            with _shared_file(folder).open("r+b") as file:
                self._table = mmap.mmap(file.fileno(), 0)
        self._key = bytes(self._table[:KEY_BYTES])

    def wait(self, client: str, *, now: float | None = None) -> float:
        """Count a request of `client`; return 0 where it may pass, otherwise the seconds until one may.

        `client` is an address; `now` is in seconds, by default the clock's.

        >>> limit = RateLimit(60, None, burst_seconds=1)
        >>> limit.wait("192.0.2.1", now=100.0), limit.wait("192.0.2.1", now=100.25)
        (0.0, 0.75)
        """
        now = time.time() if now is None else now
        place = KEY_BYTES + self._slot(client) * _TIME.size
        (ahead,) = _TIME.unpack_from(self._table, place)
        # a clock that was set back must not lock out a client
        start = now if not now <= ahead <= now + 2 * self._ahead + self._interval else ahead
        if start - now > self._ahead - self._interval + 1e-9:
            return float(start - now - self._ahead + self._interval)
        _TIME.pack_into(self._table, place, start + self._interval)
        return 0.0

    def _slot(self, client: str) -> int:
        digest = hashlib.blake2b(client_network(client).encode(), key=self._key, digest_size=8).digest()
        return int.from_bytes(digest, "big") % SLOTS


def client_network(client: str) -> str:
    """Return the part of an address that belongs to one client: of IPv6, where a client has many, the /64.

    >>> client_network("192.0.2.1"), client_network("2001:db8::1")
    ('192.0.2.1', '2001:db8::/64')
    """
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)


def _shared_file(folder: Path) -> Path:
    """Return the table's file in `folder`; the first worker creates it atomically, with a new key."""
    path = folder / "rate-limit"
    if not path.exists():
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".rate-", delete=False) as file:
            file.write(os.urandom(KEY_BYTES) + bytes(SLOTS * _TIME.size))
        try:
            os.link(file.name, path)  # fails where another worker was first
        except FileExistsError:
            pass
        finally:
            Path(file.name).unlink()
    return path
