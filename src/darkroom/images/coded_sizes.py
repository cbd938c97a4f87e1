"""The size of an image as the headers inside HEVC and AV1 data state it.

The container of a HEIC or AVIF file states a size of its own. A file whose data are larger would be decoded
whole before anyone notices, so the limits are checked against both.
"""

from collections.abc import Iterator

MAX_UNITS = 1000  # NAL units or OBUs that are looked at in one item: a photograph has a few
_SPS = 33  # type of the NAL unit with the size (ITU-T H.265, table 7-1)
_SEQUENCE_HEADER = 1  # type of the OBU with the size (AV1 specification, 6.2.2)


class _Bits:
    """Reads bits, most significant first; past the end it raises IndexError."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def read(self, count: int) -> int:
        value = 0
        for _ in range(count):
            byte = self.data[self.place >> 3]
            value = value << 1 | byte >> 7 - (self.place & 7) & 1
            self.place += 1
        return value

    def read_exp_golomb(self) -> int:
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > 31:
                raise IndexError("not an Exp-Golomb code")
        return (1 << zeros) - 1 + self.read(zeros)


def hevc_size(nal_unit: bytes) -> tuple[int, int]:
    """Return the width and height in a NAL unit; (0, 0) where it is no sequence parameter set.

    Raises:
        IndexError: it is cut short.
    """
    if nal_unit[0] >> 1 & 63 != _SPS:
        return 0, 0
    # the bytes 0 0 3 stand for 0 0; the size is within the first hundred bytes
    bits = _Bits(nal_unit[2:200].replace(b"\x00\x00\x03", b"\x00\x00"))
    bits.read(4)
    layers = bits.read(3)
    bits.read(1 + 96)  # temporal nesting; the general profile and level
    present = [(bits.read(1), bits.read(1)) for _ in range(layers)]
    if layers:
        bits.read(2 * (8 - layers))
    for profile, level in present:
        bits.read(88 * profile + 8 * level)
    bits.read_exp_golomb()
    if bits.read_exp_golomb() == 3:
        bits.read(1)
    return bits.read_exp_golomb(), bits.read_exp_golomb()


def av1_size(sequence_header: bytes) -> tuple[int, int]:
    """Return the largest width and height that a sequence header, without its OBU header, allows.

    Raises:
        IndexError: it is cut short.

    >>> av1_size(bytes([0b000_11_000, 0b00_0101_01, 0b01_111111, 0b111111_00]))
    (64, 64)
    """
    bits = _Bits(sequence_header)
    bits.read(3 + 1)
    if bits.read(1):  # a reduced header, of a still image
        bits.read(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    return bits.read(width_bits) + 1, bits.read(height_bits) + 1


def _skip_operating_points(bits: _Bits) -> None:
    model = delay_bits = 0
    if bits.read(1):
        bits.read(64)
        if bits.read(1):
            bits.read_exp_golomb()
        model = bits.read(1)
        if model:
            delay_bits = bits.read(5) + 1
            bits.read(32 + 5 + 5)
    display_delay = bits.read(1)
    for _ in range(bits.read(5) + 1):
        bits.read(12)
        if bits.read(5) > 7:
            bits.read(1)
        if model and bits.read(1):
            bits.read(2 * delay_bits + 1)
        if display_delay and bits.read(1):
            bits.read(4)


def sizes_in_hevc(data: bytes, length_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield the sizes in an item's NAL units, each of which follows its length.

    Raises:
        IndexError, ValueError: a header is cut short, or there are over `MAX_UNITS`.
    """
    place = 0
    for _ in range(MAX_UNITS):
        length = int.from_bytes(data[place : place + length_bytes], "big")
        place += length_bytes
        unit = data[place : place + min(length, 200)]
        if len(unit) < 3:
            return
        yield hevc_size(unit)
        place += length
    raise ValueError(f"over {MAX_UNITS} NAL units")


def sizes_in_av1(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the sizes in an item's OBUs.

    Raises:
        IndexError, ValueError: a header is cut short, or there are over `MAX_UNITS`.
    """
    place = 0
    for _ in range(MAX_UNITS):
        if place >= len(data):
            return
        header = data[place]
        place += 1 + (header >> 2 & 1)
        length, place = _leb128(data, place) if header >> 1 & 1 else (len(data) - place, place)
        if header >> 3 & 15 == _SEQUENCE_HEADER:
            yield av1_size(data[place : place + min(length, 200)])
        place += length
    raise ValueError(f"over {MAX_UNITS} OBUs")


def _leb128(data: bytes, place: int) -> tuple[int, int]:
    """Return a number of 7 bits a byte, and the place behind it."""
    value = 0
    for shift in range(0, 56, 7):
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            break
    return value, place
