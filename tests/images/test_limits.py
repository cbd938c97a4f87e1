"""Limits: small files that would cost much memory or time are refused before anything is decoded."""

import io
import struct
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from darkroom.images import heif_boxes, limits
from darkroom.images.decoding import decode
from darkroom.images.formats import ImageError, open_image
from darkroom.images.heif_boxes import MAX_PARTS as MAX_REFERENCES
from darkroom.images.heif_boxes import read_heif
from tests.helpers.serving import encoded, random_image
from tests.helpers.tiff import tiff


def refusal(data: bytes) -> ImageError:
    tracemalloc.start()
    try:
        with pytest.raises(ImageError) as caught:
            decode(data)
        assert tracemalloc.get_traced_memory()[1] < 30 * len(data) + 5_000_000
    finally:
        tracemalloc.stop()
    return caught.value


def with_size(data: bytes, box: bytes, *size: int) -> bytes:
    """Return the file with another size in every box `box` of its container."""
    place = data.find(box)
    assert place > 0
    while place > 0:
        start = place + (8 if box == b"ispe" else 4)
        data = data[:start] + struct.pack(">II", *size) + data[start + 8 :]
        place = data.find(box, start)
    return data


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "JPEG2000"])
def test_the_size_that_the_container_states_is_limited(kind: str) -> None:
    box = b"ihdr" if kind == "JPEG2000" else b"ispe"
    error = refusal(with_size(encoded(random_image(64, 64), kind), box, 30_000, 20_000))
    assert (error.status, error.code) == (413, "too_many_pixels")


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "JPEG2000"])
def test_the_size_of_the_data_behind_a_small_container_is_limited(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encoded(Image.new("RGB", (1600, 1200), "red"), kind)
    data = with_size(data, b"ihdr" if kind == "JPEG2000" else b"ispe", 64, 64)
    monkeypatch.setattr(limits, "MAX_PIXELS", 1_000_000)
    monkeypatch.setattr(limits, "MAX_CODED_PIXELS", 1_000_000)
    error = refusal(data)
    assert (error.status, error.code) == (413, "too_many_pixels")


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_the_coded_size_is_read_as_the_encoder_wrote_it(kind: str) -> None:
    for width, height in ((64, 64), (130, 66), (1000, 33)):
        for options in ({}, {"chroma": 444}, {"quality": 100}) if kind == "HEIF" else ({}, {"speed": 10}):
            file = read_heif(encoded(Image.new("RGB", (width, height), "red"), kind, **options))
            sizes = [size for size in file.items[file.primary].sizes if size != (0, 0)]
            assert len(sizes) >= 2  # of the container, of the data inside
            for coded in sizes:  # encoders pad to whole blocks
                assert width <= coded[0] < width + 64
                assert height <= coded[1] < height + 64


def test_a_sequence_in_av1_states_its_size() -> None:
    images = [Image.new("RGB", (72, 48), colour) for colour in ("red", "blue")]
    file = read_heif(encoded(images[0], "AVIF", save_all=True, append_images=images[1:]))
    assert set(file.sequence) == {(72, 48)}


def test_tiles_that_are_used_again_and_again_count_each_time() -> None:
    data = encoded(random_image(128, 128), "HEIF", tile_size=64)
    place = data.find(b"dimg") + 4
    source, count = struct.unpack_from(">HH", data, place)
    targets = struct.unpack_from(f">{count}H", data, place + 4)
    file = read_heif(data)
    assert file.items[source].parts == list(targets)
    file.items[source].parts = [targets[0]] * 65_000  # of 64 x 64 pixels
    with pytest.raises(ImageError, match="266,240,000 pixels"):
        limits.check_heif(file)


def test_images_that_are_derived_from_themselves_are_refused() -> None:
    data = encoded(random_image(128, 128), "HEIF", tile_size=64)
    place = data.find(b"dimg") + 4
    (source,) = struct.unpack_from(">H", data, place)
    looped = data[: place + 4] + struct.pack(">H", source) + data[place + 6 :]
    assert refusal(looped).status == 422
    assert MAX_REFERENCES > 256 * 256


@pytest.mark.parametrize("count", [30, heif_boxes.MAX_ITEMS])
def test_items_that_share_their_data_are_limited(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heif_boxes, "MAX_SHARED_BYTES", 100_000)
    data = encoded(random_image(64, 64), "HEIF") + bytes(20_000)
    item = read_heif(data).items[1]
    shared = heif_boxes.Item(item.kind, extents=[(0, len(data))])
    with pytest.raises(ValueError, match="too many"):
        heif_boxes._read_coded_sizes(data, heif_boxes.HeifFile(dict.fromkeys(range(count), shared)))


def jpeg2000(**changes: int) -> bytes:
    """Return a small JPEG 2000 with other numbers in its main header."""
    data = bytearray(encoded(random_image(16, 16), "JPEG2000", no_jp2=True, irreversible=False))
    for name, value in changes.items():
        layout, place = {"width": (">I", 8), "tile": (">I", 24), "components": (">H", 40)}.get(
            name, (">H", 0)
        )
        if name == "layers":
            place = data.find(b"\xff\x52") + 6
        struct.pack_into(layout, data, place, value)
    return bytes(data)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"components": 16_384}, "16,384 components"),
        ({"layers": 65_535}, "65,535 layers"),
        ({"width": 20_000, "tile": 1}, "20,000 tiles"),
    ],
)
def test_the_structures_of_jpeg_2000_are_limited(changes: dict[str, int], text: str) -> None:
    assert open_image(jpeg2000()).size == (16, 16)
    error = refusal(jpeg2000(**changes))
    assert error.status == 422
    assert text in error.message


def test_a_tiff_in_very_many_strips_is_refused_before_pillow_lists_them() -> None:
    count = limits.MAX_PARTS + 1
    data = tiff(np.zeros((8, 8), np.uint8), {257: count, 273: (8,) * count, 278: 1, 279: (1,) * count})
    error = refusal(data)
    assert error.code == "too_many_parts"
    assert f"{count:,}" in error.message


@pytest.mark.parametrize(
    "data",
    [b"P2 1000 1000 255\n" + b"200 " * 1_000_000, b"P6 1000 1000 254\n" + bytes(3_000_000)],
    ids=["text", "another white"],
)
def test_a_pnm_that_is_slow_to_read_is_limited(data: bytes) -> None:
    assert refusal(data).code == "too_slow_format"
    quick = b"P6 1000 1000 255\n" + bytes(3_000_000)
    assert decode(quick).size == (1000, 1000)


def png_bomb() -> bytes:
    return encoded(Image.new("1", (10_000, 5_001)))


def gif_bomb() -> bytes:
    return b"GIF89a" + struct.pack("<HH", 60_000, 60_000) + b"\0\0\0" + b";"


@pytest.mark.parametrize("bomb", [png_bomb, gif_bomb])
def test_other_formats_are_limited_by_their_header(bomb: Callable[[], bytes]) -> None:
    assert refusal(bomb()).status in (413, 422)


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "JPEG2000"])
def test_damaged_structures_raise_only_image_error(kind: str) -> None:
    random = np.random.default_rng(6)
    tiles = {"tile_size": 64} if kind == "HEIF" else {}
    good = encoded(random_image(128, 96), kind, **tiles)
    head = good.find(b"mdat") if kind != "JPEG2000" else 200
    for _ in range(300):
        data = bytearray(good)
        for place in random.integers(0, head, 3):
            data[place] = random.integers(0, 256)
        try:
            image = open_image(bytes(data))
        except ImageError:
            continue
        assert image.width * image.height <= limits.MAX_PIXELS
    assert io.BytesIO(good).read(4)
