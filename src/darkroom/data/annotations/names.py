"""What names of files tell."""

import re

SUFFIXES = frozenset(
    (
        *("jpg", "jpeg", "jpe", "jfif", "png", "gif", "bmp", "dib", "webp", "tif", "tiff"),
        *("avif", "heic", "heif", "jp2", "j2k", "jpx", "ppm", "pgm", "pbm", "pnm"),
    )
)
JUNK = frozenset(("__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "lost+found"))


def is_hidden(path: str) -> bool:
    """Whether a file is hidden or of an operating system's own: no person put it there as an image.

    >>> is_hidden("cats/.ipynb_checkpoints/a.jpg"), is_hidden("cats/._a.jpg"), is_hidden("cats/a.jpg")
    (True, True, False)
    """
    return any(
        (part.startswith(".") and part not in (".", "..")) or part.lower() in JUNK for part in path.split("/")
    )


def looks_like_an_image(path: str) -> bool:
    """Whether a file's name ends as that of an image.

    >>> looks_like_an_image("cats/a.JPG"), looks_like_an_image("cats/.png"), looks_like_an_image("cats.png/a")
    (True, False, False)
    """
    stem, dot, suffix = path.rpartition(".")
    return bool(dot) and suffix.lower() in SUFFIXES and not stem.endswith("/") and stem != ""


def is_url(text: str) -> bool:
    """Whether a text is a URL of any kind of place.

    >>> is_url("gs://bucket/a.jpg"), is_url("C:/photos/a.jpg"), is_url("see https://example.org")
    (True, False, False)
    """
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://\S", text) is not None
