"""Counting responses by kind: the status with the error's code."""

import contextlib
import json
from collections import Counter

import requests

SECONDS = 30  # within which every request must get its response
Counts = Counter[str]


def wrong(counts: Counts) -> list[str]:
    """Return the kinds among the counts that must not occur: 5xx, no response, or a wrong one."""
    return sorted(kind for kind in counts if kind[0] == "5" or kind.startswith(("none", "wrong")))


def kind_of(response: requests.Response) -> str:
    """Return the status with the error's code."""
    return kind_from(response.status_code, response.content)


def kind_from(status: int | str, body: bytes) -> str:
    """Return the status with the code of the error in the body, if there is one."""
    code = ""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        code = " " + json.loads(body)["error"]["code"]
    return f"{status}{code}"
