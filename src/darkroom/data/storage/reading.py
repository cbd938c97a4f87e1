"""Reading a file over the network: what fails for a moment is tried again, what is not there is said."""

import time
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlsplit

import requests

from darkroom.data.download.mirrors import public_url
from darkroom.data.storage.base import LARGEST, SourceError

WAITS_S = (0.5, 2.0, 5.0)  # before each further try
TIMEOUT_S = (10.0, 60.0)  # to connect, and between two packets
CHUNK = 1 << 16
PASSING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
# These speak of one file. All other errors may speak of the connection.
OF_THE_FILE = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)


class Reader:
    """Reads files of hosts. A host that answered before and then does not is an error of the whole source.

    So a source that goes away in the middle is not taken for one with a few missing files.
    """

    def __init__(self) -> None:
        """Begin with hosts that have not answered."""
        self.answered: set[str] = set()

    def read(self, url: str, fetch: Callable[[], bytes]) -> bytes:
        """Return what `fetch` does, which may be called again.

        Raises OSError where the file cannot be had, and SourceError where its host does not answer any more.
        """
        host = urlsplit(url).netloc
        for wait_s in (*WAITS_S, None):
            try:
                data = fetch()
            except OF_THE_FILE as error:
                self.answered.add(host)
                raise OSError(f"{_kind(error)}") from error
            except SourceError:
                raise
            except Exception as error:  # libraries of object stores have errors of their own
                if wait_s is not None:
                    time.sleep(wait_s)
                    continue
                why = f"{public_url(url)} cannot be read: {_kind(error)}"
                if host in self.answered:
                    raise SourceError(
                        f"{why}. Other files of {host} could be: what was read is kept, "
                        "run the same command again"
                    ) from error
                raise OSError(why) from error
            self.answered.add(host)
            return data
        raise AssertionError("the last wait is None")


def fetch_http(url: str) -> bytes:
    """Return the bytes at an HTTP URL.

    Raises FileNotFoundError or PermissionError where the server says that there are none, and other errors
    where it may say otherwise later.
    """
    with requests.get(url, stream=True, timeout=TIMEOUT_S, headers={"User-Agent": "darkroom"}) as response:
        status = response.status_code
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise PermissionError(f"answered {status}")
        if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in PASSING:
            raise FileNotFoundError(f"answered {status}")
        response.raise_for_status()
        data = bytearray()
        for chunk in response.iter_content(CHUNK):
            data += chunk
            if len(data) > LARGEST:
                raise PermissionError(f"sends more than {LARGEST >> 20} MiB")
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and "Content-Encoding" not in response.headers and len(data) != int(length):
            raise ConnectionError(f"broke off at {len(data):,} of {length} bytes")
        return bytes(data)


def _kind(error: BaseException) -> str:
    """Return an error in a few words; that of requests names the URL, with what is secret in it."""
    if isinstance(error, requests.RequestException):
        return "timed out" if isinstance(error, requests.Timeout) else type(error).__name__
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
