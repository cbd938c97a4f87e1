"""Every kind of image becomes the right pixels; every kind of rubbish becomes a clear error."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from darkroom.images.decoding import decode
from darkroom.images.formats import MAX_PIXELS, ImageError
from darkroom.images.resizing import to_model_input, to_png
from tests.helpers.serving import encoded, random_image


def pixels_of(data: bytes) -> np.ndarray:
    return np.asarray(decode(data))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_arrive_bit_for_bit(kind: str, channels: int) -> None:
    original = random_image(channels=channels)
    image = decode(encoded(original, kind))
    assert image.mode == ("L" if channels == 1 else "RGB")
    seen = to_model_input(image, height=32, width=32, channels=channels)
    np.testing.assert_array_equal(seen, original)
    np.testing.assert_array_equal(np.asarray(decode(to_png(seen))).reshape(seen.shape), original)


@pytest.mark.parametrize(
    ("kind", "options"), [("JPEG", {"quality": 95}), ("WEBP", {"quality": 95}), ("GIF", {})]
)
def test_lossy_formats_arrive_nearly(kind: str, options: dict[str, int]) -> None:
    original = random_image(64, 64)
    difference = pixels_of(encoded(original, kind, **options)).astype(int) - original
    assert np.abs(difference).mean() < 4


def test_cmyk_jpeg_is_not_inverted() -> None:
    original = random_image(64, 64)
    data = encoded(Image.fromarray(original).convert("CMYK"), "JPEG", quality=95)
    assert Image.open(io.BytesIO(data)).mode == "CMYK"
    assert np.abs(pixels_of(data).astype(int) - original).mean() < 6


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(kind: str) -> None:
    values = np.linspace(0, 65535, 32 * 32).reshape(32, 32).astype(np.uint16)
    seen = pixels_of(encoded(Image.fromarray(values), kind))
    np.testing.assert_array_equal(seen, np.rint(values / 257.0).astype(np.uint8))
    assert seen.min() == 0
    assert seen.max() == 255


def test_floats_are_stretched_to_the_whole_range() -> None:
    values = np.linspace(-3.0, 7.0, 256, dtype=np.float32).reshape(16, 16)
    np.testing.assert_array_equal(
        pixels_of(encoded(Image.fromarray(values), "TIFF")), np.arange(256, dtype=np.uint8).reshape(16, 16)
    )


def test_one_bit_becomes_black_and_white() -> None:
    values = np.indices((8, 8)).sum(axis=0) % 2 == 1
    np.testing.assert_array_equal(pixels_of(encoded(Image.fromarray(values), "PNG")), values * np.uint8(255))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_lies_on_white(mode: str) -> None:
    image = Image.new(mode, (4, 4), (0,) * len(mode))  # black, but wholly transparent
    image.putpixel((0, 0), (10,) * (len(mode) - 1) + (255,))
    image.putpixel((1, 0), (0,) * (len(mode) - 1) + (128,))
    seen = pixels_of(encoded(image, "PNG"))
    assert seen[0, 0].tolist() == [10, 10, 10]
    assert seen[0, 1].tolist() == [127, 127, 127]
    assert seen[3, 3].tolist() == [255, 255, 255]


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_palette_with_a_transparent_colour_lies_on_white(kind: str) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([200, 30, 40, 0, 0, 0])
    image.putpixel((1, 0), 1)
    assert pixels_of(encoded(image, kind, transparency=1)).tolist() == [[[200, 30, 40], [255, 255, 255]]]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_seen(kind: str) -> None:
    first, second = Image.new("RGB", (16, 16), "red"), Image.new("RGB", (16, 16), "blue")
    data = encoded(first, kind, save_all=True, append_images=[second], duration=100)
    assert getattr(Image.open(io.BytesIO(data)), "n_frames", 1) == 2
    red, green, blue = pixels_of(data).reshape(-1, 3).mean(axis=0)
    assert red > 240
    assert max(green, blue) < 15


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
@pytest.mark.parametrize(("orientation", "turns"), [(3, 2), (6, 3), (8, 1)])
def test_exif_rotation_is_applied(kind: str, orientation: int, turns: int) -> None:
    original = random_image(48, 32)
    exif = Image.Exif()
    exif[0x0112] = orientation
    seen = pixels_of(encoded(original, kind, exif=exif))
    expected = np.rot90(original, turns)
    assert seen.shape == expected.shape
    assert np.abs(seen.astype(int) - expected).mean() < 4


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow says what it found damaged
def test_damaged_exif_does_not_spoil_a_good_image() -> None:
    original = random_image()
    data = encoded(original, "PNG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff")
    np.testing.assert_array_equal(pixels_of(data), original)


def test_the_largest_centred_part_is_resized_and_nothing_squeezed() -> None:
    wide = np.zeros((100, 300, 3), np.uint8)
    wide[:, 100:200] = 255  # only the central square is white
    for image in (Image.fromarray(wide), Image.fromarray(wide).rotate(90, expand=True)):
        seen = to_model_input(image, height=32, width=32, channels=3)
        assert seen[1:-1, 1:-1].min() == 255
        assert seen.min() > 220  # the filter reaches a little over the edge of the part


def test_shrinking_averages_instead_of_picking() -> None:
    checks = (np.indices((320, 320)).sum(axis=0) % 2 * 255).astype(np.uint8)
    seen = to_model_input(Image.fromarray(checks), height=8, width=8, channels=1)
    assert seen.min() >= 126
    assert seen.max() <= 129


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (31, 33)])
def test_odd_sizes_become_the_models(size: tuple[int, int]) -> None:
    seen = to_model_input(Image.new("RGB", size, (9, 80, 200)), height=32, width=24, channels=3)
    assert seen.shape == (32, 24, 3)
    assert (seen == (9, 80, 200)).all()


def test_two_channels_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="takes 2 channels"):
        to_model_input(Image.new("RGB", (4, 4)), height=4, width=4, channels=2)


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that announces a size and ends at once."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(10_000, 5_001), (60_000, 60_000)])
def test_too_many_pixels_are_refused_from_the_header_alone(size: tuple[int, int]) -> None:
    with pytest.raises(ImageError, match=f"at most {MAX_PIXELS:,}") as caught:
        decode(png_header(*size))
    assert (caught.value.status, caught.value.code) == (413, "too_many_pixels")


def test_exactly_the_limit_is_not_too_many() -> None:
    with pytest.raises(ImageError) as caught:
        decode(png_header(10_000, 5_000))
    assert caught.value.code == "broken_image"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"hello", "not_an_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_an_image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not_an_image"),
        (b"\x89PNG\r\n\x1a\n", "not_an_image"),
    ],
)
def test_what_is_no_image_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(ImageError) as caught:
        decode(data)
    assert (caught.value.status, caught.value.code) == (422, code)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_a_truncated_image_is_refused(kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(noise, kind)
    with pytest.raises(ImageError) as caught:
        decode(data[: int(len(data) * share)])
    assert caught.value.status == 422


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow says what it found damaged
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_damaged_bytes_never_raise_anything_else(kind: str) -> None:
    random = np.random.default_rng(5)
    good = bytearray(encoded(random_image(24, 24), kind))
    for _ in range(60):
        data = bytearray(good)
        for place in random.integers(0, len(data), 4):
            data[place] = random.integers(0, 256)
        try:
            image = decode(bytes(data))
        except ImageError:
            continue
        assert image.mode in ("L", "RGB")
