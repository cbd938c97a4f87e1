"""How often one client may ask, counted over all workers together."""

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

    For each client one number is kept: when its requests so far would have been sent at the allowed
    rate. A client that is further ahead than the burst is refused. The table never grows; two
    clients that share a slot, which a secret key makes unpredictable, share a limit. Two workers that
    write one slot at the same moment may let one request too many through.
    """

    def __init__(self, requests_per_minute: int, folder: Path | None, *, burst_seconds: float = 10) -> None:
        """Open the table.

        Args:
            requests_per_minute: of one client, on average.
            folder: where workers of one service share their table; None: this process has one alone.
            burst_seconds: how many seconds' worth of requests may come at once.
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
        """Count a request of `client`; return 0 where it may pass, else the seconds until one may."""
        now = time.time() if now is None else now
        place = KEY_BYTES + self._slot(client) * _TIME.size
        (ahead,) = _TIME.unpack_from(self._table, place)
        # a clock that was set back must not lock anybody out
        start = now if not now <= ahead <= now + 2 * self._ahead + self._interval else ahead
        if start - now > self._ahead - self._interval + 1e-9:
            return float(start - now - self._ahead + self._interval)
        _TIME.pack_into(self._table, place, start + self._interval)
        return 0.0

    def _slot(self, client: str) -> int:
        digest = hashlib.blake2b(_network(client).encode(), key=self._key, digest_size=8).digest()
        return int.from_bytes(digest, "big") % SLOTS


def _network(client: str) -> str:
    """Return what of an address belongs to one client: of IPv6, where a client has many, the /64."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)


def _shared_file(folder: Path) -> Path:
    """Return the table's file in `folder`; the first worker makes it, whole, with a key of its own."""
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
