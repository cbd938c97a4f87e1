"""What decoders say of damaged files: kept off the process's stderr, and counted.

The sender of a file chooses these messages and their number, so they must not fill a log. libtiff writes to
stderr itself, past Python (python-pillow/Pillow#3487 asks how to stop it); Pillow warns of damage in Python.
"""

import ctypes
import itertools
import logging
import warnings

from PIL import _imaging

_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p)
_counter = itertools.count(1)
_seen = 0


def messages() -> int:
    """Return how many messages libtiff has had in this process."""
    return _seen


def _count(_module: bytes, _format: int, _arguments: int) -> None:
    """Take a message of libtiff, in the thread that decodes; its text is not even put together."""
    global _seen
    _seen = next(_counter)  # a number once; of two threads at once the lower may be the last for a moment


_counting = _HANDLER(_count)  # kept here: libtiff goes on calling it


def silence() -> None:
    """Keep the messages of all decoders off stderr, for the whole process."""
    warnings.filterwarnings("ignore", module=r"(PIL|pillow_heif)\.")
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    try:
        # looked up through Pillow's extension, whose own libtiff is meant, not another one in the process
        ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(_counting)
    except (AttributeError, OSError):  # a Pillow without libtiff, or with one linked into it (Windows)
        return
