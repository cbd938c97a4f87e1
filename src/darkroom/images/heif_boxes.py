"""The structure of a HEIC or AVIF file: what decoding its main image would decode in all.

Such a file holds items (ISO/IEC 23008-12): coded images, and images derived from others, like the grid of
tiles in which telephones store a photograph. Names of four letters are those of the standard.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from .boxes import Numbers, boxes
from .coded_sizes import hevc_size, sizes_in_av1, sizes_in_hevc

MAX_DEPTH = 4  # of images derived from derived images
MAX_ITEMS = 1000  # libheif has the same limit
MAX_SHARED_BYTES = 100_000_000  # copied of data that several items share
MAX_PARTS = 100_000  # a grid has at most 256 x 256 tiles
_CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")

Size = tuple[int, int]


@dataclass
class Item:
    """An item of the file.

    Attributes:
        kind: its type, such as hvc1, av01 or grid.
        sizes: of its pixels: as the container states it, and as the coded data do.
        extents: where its data lie: offset and length in bytes.
        inside: whether the offsets are within the box `idat`.
        parts: the items that it is derived from, one entry for every use.
        nal_length: bytes of the length before each unit of HEVC data.
        code_points: of its colour primaries and transfer curve, by ITU-T H.273; None where it names none.
    """

    kind: bytes = b""
    sizes: list[Size] = field(default_factory=list)
    extents: list[tuple[int, int]] = field(default_factory=list)
    inside: bool = False
    parts: list[int] = field(default_factory=list)
    nal_length: int = 4
    code_points: tuple[int, int] | None = None

    @property
    def pixels(self) -> int:
        """Pixels of the item itself, by its largest size."""
        return max((width * height for width, height in self.sizes), default=0)


@dataclass
class HeifFile:
    """The items of a file, the main one's number, and the sizes of the first image in a sequence."""

    items: dict[int, Item] = field(default_factory=dict)
    primary: int = 0
    auxiliary: dict[int, list[int]] = field(default_factory=dict)  # by the item that they belong to
    sequence: list[Size] = field(default_factory=list)
    idat: bytes = b""

    @property
    def codec(self) -> bytes:
        """The type of the coded images that the main image consists of; empty where it has none."""
        number = self.primary
        for _ in range(MAX_DEPTH):
            item = self.items.get(number, Item())
            if not item.parts:
                return item.kind
            number = item.parts[0]
        return b""

    def decoded_pixels(self) -> int:
        """Return how many pixels decoding the main image decodes, its tiles and its transparency included.

        Raises:
            ValueError: images are derived from others that are themselves derived, over `MAX_DEPTH` times.
        """
        known: dict[int, int] = {}
        still = sum(
            self._work(number, 0, known) for number in (self.primary, *self.auxiliary.get(self.primary, ()))
        )
        return max(still, *(width * height for width, height in self.sequence), 0)

    def _work(self, number: int, depth: int, known: dict[int, int]) -> int:
        if number in known:
            return known[number]
        if depth > MAX_DEPTH:
            raise ValueError("images are derived from derived ones too often")
        item = self.items.get(number, Item())
        for part in set(item.parts):
            self._work(part, depth + 1, known)
        known[number] = max(item.pixels, sum(known[part] for part in item.parts))
        return known[number]


def read_heif(data: bytes) -> HeifFile:
    """Return the structure of the file in `data`.

    Raises:
        ValueError, IndexError, struct.error: the structure is damaged.
    """
    file = HeifFile()
    for kind, start, end in boxes(data, 0, len(data)):
        if kind == b"meta":
            _read_meta(data, start + 4, end, file)
        elif kind == b"moov":
            _read_tracks(data, start, end, file)
    if file.primary not in file.items and not file.sequence:
        raise ValueError("there is no main image")
    _read_coded_sizes(data, file)
    return file


def _read_coded_sizes(data: bytes, file: HeifFile) -> None:
    """Add the sizes that the items' own data state."""
    lengths = [length or len(data) for item in file.items.values() for _, length in item.extents]
    if len(file.items) > MAX_ITEMS or sum(lengths) > 4 * len(data) + MAX_SHARED_BYTES:
        raise ValueError("too many items, or too many that share their data")
    for item in file.items.values():
        content = file.idat if item.inside else data
        coded = b"".join(
            content[offset : offset + length if length else None] for offset, length in item.extents
        )
        if item.kind in (b"hvc1", b"hev1"):
            item.sizes += sizes_in_hevc(coded, item.nal_length)
        elif item.kind == b"av01":
            item.sizes += sizes_in_av1(coded)


def _read_meta(data: bytes, start: int, end: int, file: HeifFile) -> None:
    inner = {kind: (begin, stop) for kind, begin, stop in boxes(data, start, end)}
    if b"iinf" in inner:
        _read_kinds(data, *inner[b"iinf"], file)
    if b"pitm" in inner:
        begin, _ = inner[b"pitm"]
        file.primary = struct.unpack_from(">I" if data[begin] else ">H", data, begin + 4)[0]
    if b"idat" in inner:
        file.idat = data[slice(*inner[b"idat"])]
    if b"iloc" in inner:
        _read_locations(data, *inner[b"iloc"], file)
    if b"iref" in inner:
        _read_references(data, *inner[b"iref"], file)
    if b"iprp" in inner:
        _read_properties(data, *inner[b"iprp"], file)


def _read_kinds(data: bytes, start: int, end: int, file: HeifFile) -> None:
    for _, begin, _ in boxes(data, start + (8 if data[start] else 6), end):
        if data[begin] >= 2:
            layout = ">H2x4s" if data[begin] == 2 else ">I2x4s"
            number, kind = struct.unpack_from(layout, data, begin + 4)
            file.items[number] = Item(kind)


def _read_locations(data: bytes, start: int, end: int, file: HeifFile) -> None:
    version, sizes = data[start], struct.unpack_from(">H", data, start + 4)[0]
    offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    numbers = Numbers(data, start + 6, end)
    for _ in range(numbers.read(4 if version == 2 else 2)):
        item = file.items.get(numbers.read(4 if version == 2 else 2), Item())
        item.inside = bool(version and numbers.read(2) & 15)
        numbers.read(2)
        first = numbers.read(base)
        for _ in range(numbers.read(2)):
            numbers.read(index if version else 0)
            item.extents.append((first + numbers.read(offset), numbers.read(length)))


def _read_references(data: bytes, start: int, end: int, file: HeifFile) -> None:
    width, total = 4 if data[start] else 2, 0
    for kind, begin, stop in boxes(data, start + 4, end):
        numbers = Numbers(data, begin, stop)
        source = numbers.read(width)
        targets = [numbers.read(width) for _ in range(numbers.read(2))]
        if (total := total + len(targets)) > MAX_PARTS:
            raise ValueError(f"over {MAX_PARTS} references")
        if kind == b"dimg" and source in file.items:
            file.items[source].parts += targets
        elif kind == b"auxl":
            for target in targets:
                file.auxiliary.setdefault(target, []).append(source)


def _read_properties(data: bytes, start: int, end: int, file: HeifFile) -> None:
    properties: list[tuple[bytes, int, int]] = []
    for kind, begin, stop in boxes(data, start, end):
        if kind == b"ipco":
            properties = list(boxes(data, begin, stop))
    for kind, begin, stop in boxes(data, start, end):
        if kind != b"ipma":
            continue
        version, wide = data[begin], data[begin + 3] & 1
        numbers = Numbers(data, begin + 4, stop)
        for _ in range(numbers.read(4)):
            item = file.items.get(numbers.read(4 if version else 2), Item())
            for _ in range(numbers.read(1)):
                index = numbers.read(2) & 0x7FFF if wide else numbers.read(1) & 0x7F
                if 0 < index <= len(properties):
                    _add_property(data, *properties[index - 1], item)


def _add_property(data: bytes, kind: bytes, start: int, end: int, item: Item) -> None:
    if kind == b"ispe":
        item.sizes.append(struct.unpack_from(">II", data, start + 4))
    elif kind == b"hvcC":
        item.nal_length = (data[start + 21] & 3) + 1
        item.sizes += _sizes_in_hvcc(data, start, end)
    elif kind == b"colr" and data[start : start + 4] == b"nclx":
        item.code_points = struct.unpack_from(">HH", data, start + 4)
    elif kind == b"av1C":
        item.sizes += sizes_in_av1(data[start + 4 : end])


def _sizes_in_hvcc(data: bytes, start: int, end: int) -> Iterator[Size]:
    numbers = Numbers(data, start + 22, end)
    for _ in range(numbers.read(1)):
        numbers.read(1)
        for _ in range(numbers.read(2)):
            length = numbers.read(2)
            yield hevc_size(data[numbers.place : numbers.place + length])
            numbers.read(length)


def _read_tracks(data: bytes, start: int, end: int, file: HeifFile) -> None:
    """Read the sizes of AV1 sequences, as the track and its first image state them; no other is decoded."""
    for kind, begin, stop in boxes(data, start, end):
        if kind in _CONTAINERS:
            _read_tracks(data, begin, stop, file)
        elif kind == b"stsd":
            for entry, first, last in boxes(data, begin + 8, stop):
                if entry != b"av01":
                    continue
                item = Item(entry, [struct.unpack_from(">HH", data, first + 24)])
                for box in boxes(data, first + 78, last):
                    _add_property(data, *box, item)
                file.sequence += item.sizes
        elif kind in (b"stco", b"co64") and file.sequence and any(data[begin + 4 : begin + 8]):
            (offset,) = struct.unpack_from(">I" if kind == b"stco" else ">Q", data, begin + 8)
            file.sequence += sizes_in_av1(data[offset:])
