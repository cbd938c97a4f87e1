"""Naming what is no image in an accepted format, so that people know what to use instead."""

import base64
import binascii
import tarfile

from . import tiff_tags
from .signatures import DEVELOP, EXPORT, NOTHING, RAW_MAKERS, SAVE, SIGNATURES, TEXTS, UNPACK, ZIPS
from .tiff_tags import DNG_VERSION, MAKE, NEW_SUBFILE_TYPE, PHOTOMETRIC, SUB_IFDS, Tag


def describe(data: bytes) -> str:
    """Return what `data` is and what to do about it, as one sentence; empty where nobody knows.

    >>> describe(b"%PDF-1.7")
    'This is a PDF; save the page as PNG or JPEG.'
    """
    if data.rstrip(b"\0").endswith(b"TRUEVISION-XFILE.") or _is_targa(data):
        return _sentence("a Targa image (TGA)", SAVE)
    for offset, signature, name, advice in SIGNATURES:
        if data.startswith(signature, offset):
            return _sentence(name, advice)
    if data.startswith(b"PK\x03\x04"):
        name = next((name for mark, name in ZIPS if mark in data[:4000]), "")
        return _sentence(name, EXPORT) if name else _sentence("a ZIP archive", UNPACK)
    if _is_pcx(data):
        return _sentence("a PCX image", SAVE)
    if b"\nheight " in data[:200] and b"\x0c" in data[:300]:
        return _sentence("an IM Tools image (IMT)", SAVE)
    if _is_tar(data):
        return _sentence("a tar archive", UNPACK)
    if b"IHDR" in data[:32]:
        return _sentence("a PNG whose first bytes are damaged", "use the complete file, not copied as text")
    if data[:4] in (b"\0\0\x80\x3f", b"\x3f\x80\0\0"):
        return _sentence("a SPIDER image", EXPORT)
    if not data.strip(b"\0"):
        return f"These {len(data):,} bytes are all zero: the file was not written or copied completely."
    return _describe_text(data)


def describe_raw(tags: dict[int, Tag], data: bytes) -> str:
    """Return the sentence for the RAW photograph of a camera that has the form of a TIFF; else empty.

    Such a file starts with a small preview, which must not be taken for the photograph.
    """
    if data[8:10] == b"CR":
        return _sentence("a Canon RAW photograph (CR2)", DEVELOP)
    if DNG_VERSION in tags:
        return _sentence("a RAW photograph (DNG)", DEVELOP)
    preview = NEW_SUBFILE_TYPE in tags and tags[NEW_SUBFILE_TYPE].value & 1 and SUB_IFDS in tags
    sensor = PHOTOMETRIC in tags and tags[PHOTOMETRIC].value in (32803, 34892)
    if sensor or (preview and MAKE in tags):
        start = data[:100_000]
        name = next((name for maker, name in RAW_MAKERS.items() if maker in start), "a RAW photograph")
        return _sentence(name, DEVELOP)
    return ""


def _sentence(name: str, advice: str) -> str:
    return f"This is {name}; {advice}."


def _is_targa(data: bytes) -> bool:
    """Return whether the header is that of a Targa image, which has no signature."""
    if len(data) < 18:
        return False
    colour_map, kind, depth = data[1], data[2], data[16]
    width, height = int.from_bytes(data[12:14], "little"), int.from_bytes(data[14:16], "little")
    known = colour_map in (0, 1) and kind in (1, 2, 3, 9, 10, 11) and depth in (1, 8, 15, 16, 24, 32)
    return known and width > 0 and height > 0 and data[17] < 64


def _is_pcx(data: bytes) -> bool:
    """Return whether data starts as a PCX image: a line feed, a version, the encoding, bits a pixel."""
    if len(data) < 4 or data[0] != 0x0A or data[1] not in (0, 2, 3, 4, 5):
        return False
    return data[2] in (0, 1) or data[3] in (1, 2, 4, 8)


def _is_tar(data: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(data[:512], "utf-8", "replace")
    except tarfile.HeaderError:
        return False
    return True


def _describe_text(data: bytes) -> str:
    start = data[:4000]
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        start = start.decode("utf-16", "replace").encode()
    start = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    low = start[:300].lower()
    for opening, name, advice in TEXTS:
        if low.startswith(opening):
            return _sentence(name, advice)
    if b"<svg" in start.lower():
        return _sentence("an SVG drawing", EXPORT)
    if low.startswith(b"<"):
        return _sentence("an XML or HTML text", NOTHING)
    if not _is_text(start):
        return ""
    if _is_base64_of_image(start):
        return _sentence("an image in base64, written as text", "decode it and use the bytes")
    if low.startswith((b"{", b"[")):
        return _sentence("JSON", "use the image itself, not a description of it")
    return f"These {len(data):,} bytes are text; use the image itself."


def _is_text(start: bytes) -> bool:
    if any(byte < 9 or 13 < byte < 27 or 27 < byte < 32 for byte in start):
        return False
    try:
        start.decode()
    except UnicodeDecodeError as error:  # the last character may be cut
        return bool(start) and error.start >= len(start) - 3
    return bool(start)


def _is_base64_of_image(start: bytes) -> bool:
    try:
        decoded = base64.b64decode(b"".join(start.split())[:64], validate=True)
    except binascii.Error:
        return False
    return decoded.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM", *tiff_tags.SIGNATURES))
