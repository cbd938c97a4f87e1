"""Bytes to text, in the encodings that tables come in."""

import codecs

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


def encoding_of(data: bytes) -> str:
    """Return the encoding of a text: by its byte order mark, else UTF-8, else the one that fits best.

    >>> encoding_of("кошка".encode("cp1251")), encoding_of("写真.jpg,猫".encode("shift_jis"))
    ('cp1251', 'shift_jis')
    """
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return encoding
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        lines = [line for line in data[:SAMPLE].splitlines() if not line.isascii()]  # these alone tell
        best = from_bytes(b"\n".join(lines), cp_isolation=CANDIDATES).best()
        return best.encoding if best and best.encoding in DISTINCT else "cp1252"
    return "utf-8"
