"""The path prefix under which a reverse proxy offers the service, such as `/vision`."""

import re
from urllib.parse import unquote

MAX_CHARACTERS = 200
_PREFIX = re.compile(r"(/[A-Za-z0-9._~!$&'()*+;=:@%-]+)*/?")


def parse_prefix(text: str) -> str | None:
    """Return a prefix without percent-encoding and without its last slash; None where it is not a path.

    Accepted are ASCII characters that a path may hold. An address (`//host`), a step upwards (`..`) and what
    decodes to an unprintable character are not a prefix: the pages that this service sends contain it.

    >>> parse_prefix("/vision/"), parse_prefix("/a/b%20c"), parse_prefix("/")
    ('/vision', '/a/b c', '')
    >>> parse_prefix("vision"), parse_prefix("//example.org"), parse_prefix("/a/../b"), parse_prefix("/%0a")
    (None, None, None, None)
    """
    if len(text) > MAX_CHARACTERS or not _PREFIX.fullmatch(text):
        return None
    try:
        prefix = unquote(text.rstrip("/"), errors="strict")
    except UnicodeDecodeError:
        return None
    dots = any(step in (".", "..") for step in prefix.split("/"))
    return prefix if prefix.isprintable() and not dots and "//" not in prefix else None
