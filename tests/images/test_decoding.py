"""Decoding: every kind of image becomes the correct pixels, and every damaged one a clear error."""

import io

import numpy as np
import pytest
from PIL import Image

from darkroom.images.decoding import decode
from darkroom.images.formats import FORMATS, ImageError
from darkroom.images.resizing import to_model_input, to_png
from tests.helpers.serving import encoded, random_image


def pixels_of(data: bytes) -> np.ndarray:
    return np.asarray(decode(data))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "JPEG2000"])
def test_lossless_formats_are_decoded_bit_for_bit(kind: str, channels: int) -> None:
    original = random_image(channels=channels)
    image = decode(encoded(original, kind))
    assert image.mode == ("L" if channels == 1 else "RGB")
    decoded = to_model_input(image, height=32, width=32, channels=channels)
    np.testing.assert_array_equal(decoded, original)
    np.testing.assert_array_equal(np.asarray(decode(to_png(decoded))).reshape(decoded.shape), original)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("WEBP", {"quality": 95}),
        ("HEIF", {"quality": 95}),
        ("AVIF", {"quality": 95}),
        ("GIF", {}),
    ],
)
def test_lossy_formats_are_decoded_with_small_differences(kind: str, options: dict[str, int]) -> None:
    original = random_image(64, 64)
    difference = pixels_of(encoded(original, kind, **options)).astype(int) - original
    assert np.abs(difference).mean() < 4


def test_cmyk_jpeg_is_not_inverted() -> None:
    original = random_image(64, 64)
    data = encoded(Image.fromarray(original).convert("CMYK"), "JPEG", quality=95)
    assert Image.open(io.BytesIO(data)).mode == "CMYK"
    assert np.abs(pixels_of(data).astype(int) - original).mean() < 6


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_are_scaled_not_clipped(kind: str) -> None:
    values = np.linspace(0, 65535, 32 * 32).reshape(32, 32).astype(np.uint16)
    decoded = pixels_of(encoded(Image.fromarray(values), kind))
    np.testing.assert_array_equal(decoded, np.rint(values / 257.0).astype(np.uint8))
    assert decoded.min() == 0
    assert decoded.max() == 255


def test_floats_are_scaled_to_the_full_range() -> None:
    values = np.linspace(-3.0, 7.0, 256, dtype=np.float32).reshape(16, 16)
    np.testing.assert_array_equal(
        pixels_of(encoded(Image.fromarray(values), "TIFF")), np.arange(256, dtype=np.uint8).reshape(16, 16)
    )


def test_one_bit_becomes_black_and_white() -> None:
    values = np.indices((8, 8)).sum(axis=0) % 2 == 1
    np.testing.assert_array_equal(pixels_of(encoded(Image.fromarray(values), "PNG")), values * np.uint8(255))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_parts_become_white(mode: str) -> None:
    image = Image.new(mode, (4, 4), (0,) * len(mode))  # black, but fully transparent
    image.putpixel((0, 0), (10,) * (len(mode) - 1) + (255,))
    image.putpixel((1, 0), (0,) * (len(mode) - 1) + (128,))
    decoded = pixels_of(encoded(image, "PNG"))
    assert decoded[0, 0].tolist() == [10, 10, 10]
    assert decoded[0, 1].tolist() == [127, 127, 127]
    assert decoded[3, 3].tolist() == [255, 255, 255]


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_the_transparent_colour_of_a_palette_becomes_white(kind: str) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([200, 30, 40, 0, 0, 0])
    image.putpixel((1, 0), 1)
    assert pixels_of(encoded(image, kind, transparency=1)).tolist() == [[[200, 30, 40], [255, 255, 255]]]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_gives_its_first_frame(kind: str) -> None:
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
    decoded = pixels_of(encoded(original, kind, exif=exif))
    expected = np.rot90(original, turns)
    assert decoded.shape == expected.shape
    assert np.abs(decoded.astype(int) - expected).mean() < 4


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow warns of the damage
def test_an_image_with_damaged_exif_is_accepted() -> None:
    original = random_image()
    data = encoded(original, "PNG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff")
    np.testing.assert_array_equal(pixels_of(data), original)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_a_truncated_image_is_refused(kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(noise, kind)
    with pytest.raises(ImageError) as caught:
        decode(data[: int(len(data) * share)])
    assert caught.value.status == 422


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow warns of the damage
@pytest.mark.parametrize("kind", FORMATS)
def test_damaged_bytes_raise_only_image_error(kind: str) -> None:
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
