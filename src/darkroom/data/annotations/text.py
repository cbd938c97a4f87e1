"""Bytes to text, in the encodings that tables come in."""

import codecs
import unicodedata
from collections.abc import Iterable

from charset_normalizer import from_bytes

MARKS = (  # the longer first: the mark of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# A few words in a western encoding fit several of them: then it is that of Windows in western Europe.
DISTINCT = ["cp1251", "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr"]
CANDIDATES = [*DISTINCT, "cp1252", "cp1250", "cp1253", "cp1254"]
SAMPLE = 1 << 18  # bytes from which an encoding is guessed


def decode(data: bytes) -> str:
    """Return the text of bytes in the encoding that `encoding_of` finds.

    >>> decode("café".encode("utf-16")), decode("café".encode("utf-8-sig")), decode("café".encode("cp1252"))
    ('café', 'café', 'café')
    """
    return data.decode(encoding_of(data), "replace")


def encoding_of(data: bytes, names: Iterable[str] = ()) -> str:
    """Return the encoding of a text: by its byte order mark, else UTF-8, else the one that fits best.

    That is one in which most of `names` are in the text, such as those of the files beside a table; if none
    is, one that is likely.

    >>> encoding_of("кошка;собака".encode("cp1251")), encoding_of("写真1,猫 写真2,犬".encode("shift_jis"))
    ('cp1251', 'shift_jis')
    >>> encoding_of("图片.jpg".encode("gb18030"), ["图片"]), encoding_of("kůň".encode("cp1250"), ["kůň"])
    ('gb18030', 'cp1250')
    """
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return encoding
    if found := _by_names(data[:SAMPLE], names):  # short texts in other encodings may be UTF-8 by chance
        return found
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        lines = [line for line in data[:SAMPLE].splitlines() if not line.isascii()]  # these alone tell
        best = from_bytes(b"\n".join(lines), cp_isolation=CANDIDATES).best()
        return best.encoding if best and best.encoding in DISTINCT else "cp1252"
    return "utf-8"


def _by_names(data: bytes, names: Iterable[str]) -> str:
    """Return the encoding in which most of the names that are not ASCII are in a text; empty if none is."""
    wanted = [unicodedata.normalize("NFC", name) for name in names if not name.isascii()]
    found = {}
    for encoding in ["utf-8", *CANDIDATES] if wanted and not data.isascii() else []:
        text = unicodedata.normalize("NFC", data.decode(encoding, "replace"))
        found[encoding] = sum(name in text for name in wanted)
    return max(found, key=lambda encoding: found[encoding]) if any(found.values()) else ""
