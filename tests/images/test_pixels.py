"""The right pixels of every kind of sample, page and frame; expected values are made by numpy or by hand."""

import io
import struct
from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest
from PIL import Image
from pillow_heif import open_heif

from darkroom.images.decoding import decode
from tests.helpers.serving import encoded, random_image
from tests.helpers.tiff import tiff

RAMP = np.linspace(0, 65535, 32 * 32).reshape(32, 32).astype(np.uint16)
RED, BLUE = Image.new("RGB", (32, 32), (230, 10, 20)), Image.new("RGB", (32, 32), (10, 20, 230))


def pixels_of(data: bytes) -> np.ndarray:
    return np.asarray(decode(data))


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bits_of_both_byte_orders_are_scaled(order: Literal["<", ">"]) -> None:
    np.testing.assert_array_equal(pixels_of(tiff(RAMP, order=order)), np.rint(RAMP / 257))


def test_where_0_is_white_16_bits_are_turned_around() -> None:
    # of Intel's order only: Pillow opens no others of these
    np.testing.assert_array_equal(pixels_of(tiff(RAMP, {262: 0})), 255 - np.rint(RAMP / 257))


def test_8_bits_where_0_is_white_are_turned_around() -> None:
    values = random_image(channels=1)[..., 0]
    np.testing.assert_array_equal(pixels_of(tiff(values, {262: 0})), 255 - values)


def test_12_bits_are_scaled_from_their_own_white() -> None:
    values = np.linspace(0, 4095, 32 * 32).astype(np.uint16)
    packed = np.stack([values[::2] >> 4, (values[::2] & 15) << 4 | values[1::2] >> 8, values[1::2] & 255], 1)
    data = tiff(packed.astype(np.uint8).reshape(1, -1), {256: 32, 257: 32, 258: 12, 278: 32})
    np.testing.assert_array_equal(pixels_of(data).ravel(), np.rint(values / 4095 * 255))


@pytest.mark.parametrize(
    ("kind", "order"),
    [
        *((kind, order) for kind in (np.int16, np.int32, np.float32) for order in "<>"),
        (np.uint32, "<"),  # Pillow opens none of the other order
    ],
)
def test_values_without_a_standard_white_are_stretched_to_it(
    kind: type[np.number], order: Literal["<", ">"]
) -> None:
    values = np.linspace(0, 255, 256).reshape(16, 16)
    data = values / 100 - 1
    if kind is np.int16:
        data = values * 50 - 3000
    elif kind is np.int32:
        data = values * 9_000_000 - 1_000_000_000
    elif kind is np.uint32:
        data = values * 16_843_009
    np.testing.assert_array_equal(pixels_of(tiff(data.astype(kind), order=order)), values.astype(np.uint8))


def test_infinite_and_missing_floats_do_not_hide_the_rest() -> None:
    values = np.array([[0, 1, 2, 4, np.inf, -np.inf, np.nan, 4]], np.float32)
    assert pixels_of(tiff(values)).tolist() == [[0, 64, 128, 255, 255, 0, 0, 255]]


@pytest.mark.parametrize("value", [3.5, np.nan, np.inf])
def test_floats_of_one_value_are_black(value: float) -> None:
    assert (pixels_of(tiff(np.full((4, 4), value, np.float32))) == 0).all()


def test_16_bits_a_channel_are_scaled() -> None:
    values = np.stack([RAMP, RAMP[::-1], RAMP.T], -1)
    assert np.abs(pixels_of(tiff(values)) - values / 257).max() <= 1


def test_one_bit_where_0_is_white() -> None:
    bits = np.array([[0b10100000], [0b01010000]], np.uint8)
    data = tiff(bits, {256: 4, 257: 2, 258: 1, 262: 0, 278: 2})
    assert pixels_of(data).tolist() == [[0, 255, 0, 255], [255, 0, 255, 0]]


def test_multiplied_transparency_is_divided_before_it_is_laid_on_white() -> None:
    # half transparent red, once as it is and once multiplied by its opacity, looks the same
    plain = tiff(np.full((2, 2, 4), (200, 0, 0, 128), np.uint8), {338: 2})
    multiplied = tiff(np.full((2, 2, 4), (100, 0, 0, 128), np.uint8), {338: 1})
    expected = np.array([200, 0, 0]) * 128 / 255 + 255 * (127 / 255)
    for data in (plain, multiplied):
        assert np.abs(pixels_of(data)[0, 0] - expected).max() <= 1.5


def test_a_palette_with_its_own_opacity_of_each_colour() -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([200, 30, 40, 0, 0, 0, 10, 20, 30])
    image.putdata([0, 1, 2])
    data = encoded(image, "PNG", transparency=bytes([255, 0, 128]))
    expected = [200, 30, 40], [255, 255, 255], np.array([10, 20, 30]) * 128 / 255 + 127
    assert np.abs(pixels_of(data)[0] - np.array(expected)).max() <= 1.5


def test_a_palette_with_a_second_channel_of_opacity() -> None:
    colours = np.zeros((3, 256), np.uint16)
    colours[:, 5] = 200 * 257, 30 * 257, 40 * 257
    samples = np.array([[[5, 255], [5, 0], [5, 128]]], np.uint8)
    data = tiff(samples, {262: 3, 320: tuple(map(int, colours.ravel())), 338: 2})
    assert Image.open(io.BytesIO(data)).mode == "PA"
    expected = [200, 30, 40], [255, 255, 255], np.array([200, 30, 40]) * 128 / 255 + 127
    assert np.abs(pixels_of(data)[0] - np.array(expected)).max() <= 1.5


@pytest.mark.parametrize("value", [1, 40, 255])
def test_colour_keys_of_grey_and_rgb(value: int) -> None:
    grey = Image.new("L", (2, 1), value)
    grey.putpixel((1, 0), 7)
    assert pixels_of(encoded(grey, "PNG", transparency=7)).tolist() == [[[value] * 3, [255] * 3]]


def test_inks_without_a_profile() -> None:
    image = Image.new("CMYK", (2, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (0, 255, 255, 0))
    for kind, options in (("TIFF", {}), ("JPEG", {"quality": 100, "subsampling": 0})):
        white, red = pixels_of(encoded(image.resize((32, 16), 0), kind, **options))[8, [2, 29]].astype(int)
        assert white.min() >= 250
        assert red[0] >= 235
        assert red[1:].max() <= 40


def test_brightness_and_colour_difference_samples() -> None:
    ycbcr = np.full((4, 4, 3), (76, 85, 255), np.uint8)  # ITU-R BT.601: red
    assert np.abs(pixels_of(tiff(ycbcr, {262: 6, 530: (1, 1)})).astype(int) - (254, 0, 0)).max() <= 2


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF", "HEIF", "TIFF", "MPO"])
def test_the_first_of_several_frames_or_pages(kind: str) -> None:
    data = encoded(RED, kind, save_all=True, append_images=[BLUE])
    assert getattr(Image.open(io.BytesIO(data)), "n_frames", 1) == 2
    assert np.abs(pixels_of(data).astype(int) - (230, 10, 20)).max() <= 12


def test_a_heic_with_several_images_gives_its_main_one() -> None:
    data = encoded(RED, "HEIF", save_all=True, append_images=[BLUE], primary_index=1)
    assert np.abs(pixels_of(data).astype(int) - (10, 20, 230)).max() <= 12


def test_a_gain_map_is_not_the_image() -> None:
    jpeg, gain = encoded(RED, "JPEG", quality=95), encoded(Image.new("L", (8, 8), 99), "JPEG")
    data = encoded(RED, "MPO", save_all=True, append_images=[Image.open(io.BytesIO(gain)).convert("RGB")])
    for file in (jpeg + gain, data):  # behind the image, and in a multi-picture file
        assert pixels_of(file).shape == (32, 32, 3)
        assert np.abs(pixels_of(file).astype(int) - (230, 10, 20)).max() <= 8


ORIENTED: dict[
    int, Callable[[np.ndarray], np.ndarray]
] = {  # what each EXIF orientation means: how to turn the stored pixels upright
    1: lambda x: x,
    2: np.fliplr,
    3: lambda x: np.rot90(x, 2),
    4: np.flipud,
    5: lambda x: x.transpose(1, 0, 2),
    6: lambda x: np.rot90(x, 3),
    7: lambda x: np.rot90(x, 2).transpose(1, 0, 2),
    8: np.rot90,
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", list(ORIENTED))
def test_every_orientation_is_applied_once(kind: str, orientation: int) -> None:
    stored = np.zeros((32, 48, 3), np.uint8)
    stored[:16, :24], stored[:16, 24:], stored[16:, :24] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(stored)
    image.info["exif"] = exif.tobytes()
    decoded = pixels_of(encoded(image, kind, exif=exif.tobytes()))
    expected = ORIENTED[orientation](stored)
    assert decoded.shape == expected.shape
    assert np.abs(decoded.astype(int) - expected).mean() < 6


@pytest.mark.parametrize("options", [{"irreversible": False}, {"irreversible": True, "no_jp2": True}])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_jpeg_2000_files_and_code_streams(mode: str, options: dict[str, bool]) -> None:
    original = random_image(48, 40)
    image = Image.fromarray(original).convert(mode)
    difference = pixels_of(encoded(image, "JPEG2000", **options)).astype(int).reshape(48, 40, -1) - (
        np.asarray(image.convert("L" if mode[0] == "L" else "RGB")).astype(int).reshape(48, 40, -1)
    )
    assert np.abs(difference).mean() < 3


def test_jpeg_2000_of_16_bits_is_scaled() -> None:
    data = encoded(Image.fromarray(RAMP), "JPEG2000", irreversible=False)
    assert np.abs(pixels_of(data) - RAMP / 257).max() <= 1


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_heic_and_avif_of_every_mode(kind: str, mode: str) -> None:
    image = Image.fromarray(random_image(6, 8)).resize((96, 64), Image.Resampling.BICUBIC)
    original = np.asarray(image, np.float64)
    image = image.convert(mode)
    if mode == "RGBA":
        image.putalpha(128)
    grey = np.asarray(image.convert("L").convert("RGB"), np.float64)
    expected = grey if mode == "L" else original * (128 / 255) + 127 if mode == "RGBA" else original
    decoded = np.asarray(decode(encoded(image, kind, quality=95)).convert("RGB"))
    assert np.abs(decoded - expected).mean() < 4


def test_a_heic_of_10_bits() -> None:
    values = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (64, 1))
    data = encoded(Image.fromarray(values), "HEIF", quality=95)
    assert open_heif(io.BytesIO(data), convert_hdr_to_8bit=False).info["bit_depth"] > 8
    decoded = pixels_of(data).reshape(64, 64, -1)
    assert np.abs(decoded - values[..., None] / 257).max() < 6


def test_a_heic_in_tiles() -> None:
    original = np.asarray(Image.fromarray(random_image(8, 8)).resize((200, 150), Image.Resampling.BICUBIC))
    data = encoded(original, "HEIF", quality=95, tile_size=64)
    assert b"grid" in data
    assert np.abs(pixels_of(data).astype(int) - original).mean() < 5


@pytest.mark.parametrize("white", [255, 1000, 65535])
@pytest.mark.parametrize("plain", [False, True])
def test_pnm_of_every_depth(white: int, plain: bool) -> None:
    values = np.linspace(0, white, 64).astype(np.uint16)
    head = f"{'P2' if plain else 'P5'}\n# a comment\n8 8\n{white}\n".encode()
    body = (
        " ".join(map(str, values)).encode()
        if plain
        else values.astype(">u2" if white > 255 else "u1").tobytes()
    )
    assert np.abs(pixels_of(head + body).ravel() - values / white * 255).max() <= 1


def test_pnm_in_colour_and_in_bits() -> None:
    colour = random_image(6, 5)
    np.testing.assert_array_equal(pixels_of(b"P6 5 6 255\n" + colour.tobytes()), colour)
    assert pixels_of(b"P4 8 1\n" + struct.pack("B", 0b10100000)).tolist() == [
        [0, 255, 0, 255, 255, 255, 255, 255]
    ]
