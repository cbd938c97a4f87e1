"""Colours: images with an ICC profile are converted to sRGB; the expected values are computed with numpy."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from darkroom.images import colours
from darkroom.images.decoding import decode
from tests.helpers.icc import (
    P3_COLORANTS,
    SRGB_COLORANTS,
    cmyk_profile,
    grey_profile,
    rgb_profile,
    srgb_from_lab,
    srgb_from_linear,
)
from tests.helpers.serving import encoded, random_image
from tests.helpers.tiff import tiff

COLOURS = np.random.default_rng(0).integers(20, 236, (24, 24, 3), dtype=np.uint8)


def pixels_of(data: bytes) -> np.ndarray:
    return np.asarray(decode(data)).astype(int)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("gamma", [1.0, 1.8])  # 1.8: the "Generic RGB" of older Macs
def test_the_gamma_of_a_profile_is_applied(kind: str, gamma: float) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(COLOURS, kind, icc_profile=rgb_profile(gamma), **options)
    expected = srgb_from_linear((COLOURS / 255) ** gamma)
    assert np.abs(expected - COLOURS).mean() > 10  # what ignoring the profile would be off by
    assert np.abs(pixels_of(data) - expected).max() <= 1.5


@pytest.mark.parametrize(
    ("kind", "options"),
    [("JPEG", {"quality": 98, "subsampling": 0}), ("AVIF", {"quality": 98}), ("HEIF", {"quality": 98})],
)
def test_the_gamma_is_applied_to_lossy_formats(kind: str, options: dict[str, int]) -> None:
    smooth = np.asarray(Image.fromarray(COLOURS[:4, :4]).resize((64, 64), Image.Resampling.BICUBIC))
    data = encoded(smooth, kind, icc_profile=rgb_profile(1.0), **options)
    assert np.abs(pixels_of(data) - srgb_from_linear(smooth / 255)).mean() < 2.5


def test_wider_primaries_are_converted_not_only_labelled() -> None:
    linear = (COLOURS / 255) ** 2.2
    to_srgb = np.linalg.solve(np.array(SRGB_COLORANTS).T, np.array(P3_COLORANTS).T)
    expected = srgb_from_linear(linear @ to_srgb.T)
    data = encoded(COLOURS, "PNG", icc_profile=rgb_profile(2.2, P3_COLORANTS))
    assert np.abs(pixels_of(data) - expected).max() <= 2


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA"])
def test_modes_keep_their_transparency_and_take_the_profile(mode: str) -> None:
    grey = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (8, 1))
    image = Image.fromarray(grey).convert(mode)
    data = encoded(image, "PNG", icc_profile=grey_profile(1.0) if mode in ("L", "LA") else rgb_profile(1.0))
    expected = srgb_from_linear(grey / 255)
    decoded = pixels_of(data)
    assert np.abs(decoded.reshape(*grey.shape, -1) - expected[..., None]).max() <= 1.5
    if mode.endswith("A"):
        image.putalpha(0)
        assert (pixels_of(encoded(image, "PNG", icc_profile=image.info.get("icc_profile"))) == 255).all()


def test_a_grey_image_with_the_profile_of_a_colour_space_is_converted() -> None:
    grey = np.arange(256, dtype=np.uint8)[None]
    decoded = decode(encoded(Image.fromarray(grey), "PNG", icc_profile=rgb_profile(1.0)))
    assert decoded.mode == "L"
    assert np.abs(np.asarray(decoded).astype(int) - srgb_from_linear(grey / 255)).max() <= 1.5


def test_16_bits_of_grey_take_the_profile() -> None:
    values = np.linspace(0, 65535, 1024).reshape(32, 32).astype(np.uint16)
    decoded = pixels_of(encoded(Image.fromarray(values), "PNG", icc_profile=grey_profile(1.0)))
    assert np.abs(decoded - srgb_from_linear(np.rint(values / 257) / 255)).max() <= 1.5


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_inks_look_as_their_profile_says(kind: str) -> None:
    def lab_of(cyan: float, magenta: float, yellow: float, black: float) -> tuple[float, float, float]:
        lightness = 100 * (1 - black) * (1 - 0.4 * cyan) * (1 - 0.5 * magenta) * (1 - 0.05 * yellow)
        return (lightness, -30 * cyan, -40 * cyan) if not (magenta or yellow or black) else (lightness, 0, 0)

    for inks in ((0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 0, 1)):
        image = Image.new("CMYK", (16, 16), tuple(255 * ink for ink in inks))
        options = {"quality": 100} if kind == "JPEG" else {}
        decoded = pixels_of(encoded(image, kind, icc_profile=cmyk_profile(lab_of), **options))
        expected = srgb_from_lab(*lab_of(*inks))
        assert np.abs(decoded.reshape(-1, 3) - expected).max() <= 3, inks


def test_a_lab_tiff_is_converted() -> None:
    # white; and L* 60, a* 40, b* -20: the latter two are signed (TIFF 6.0, section 23)
    samples = np.array([[[255, 0, 0], [153, 40, 256 - 20]]], np.uint8)
    decoded = pixels_of(tiff(samples, {262: 8}))
    expected = np.stack([srgb_from_lab(100, 0, 0), srgb_from_lab(60, 40, -20)])
    assert np.abs(decoded[0] - expected).max() <= 2


@pytest.mark.parametrize(
    "profile",
    [
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        b"not a profile",
        rgb_profile(1.0)[:200],
        grey_profile(1.0),
        cmyk_profile(lambda *_: (50, 0, 0)),
        rgb_profile(1.0) + bytes(colours.MAX_PROFILE_BYTES),
    ],
    ids=["srgb", "text", "truncated", "of grey", "of inks", "huge"],
)
def test_srgb_and_unusable_profiles_leave_an_image_bit_for_bit(profile: bytes) -> None:
    data = encoded(COLOURS, "TIFF", icc_profile=profile)
    np.testing.assert_array_equal(pixels_of(data), COLOURS)


@pytest.mark.parametrize("count", [15, pytest.param(150, marks=pytest.mark.slow)])
def test_damaged_profiles_never_refuse_an_image(count: int) -> None:
    random = np.random.default_rng(3)
    for good in (rgb_profile(1.8), cmyk_profile(lambda c, m, y, k: (100 - 25 * (c + m + y + k), 0, 0))):
        mode = "RGB" if good[16:20] == b"RGB " else "CMYK"
        for _ in range(count):
            profile = bytearray(good)
            for place in random.integers(0, len(good), 5):
                profile[place] = random.integers(0, 256)
            image = Image.fromarray(random_image()).convert(mode)
            assert decode(encoded(image, "TIFF", icc_profile=bytes(profile))).mode == "RGB"


def test_each_profile_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []
    original = ImageCms.ImageCmsProfile

    def counted(source: io.BytesIO) -> ImageCms.ImageCmsProfile:
        parsed.append(source)
        return original(source)

    data = encoded(COLOURS, "PNG", icc_profile=rgb_profile(1.37))
    monkeypatch.setattr(ImageCms, "ImageCmsProfile", counted)
    for _ in range(5):
        decode(data)
    assert len(parsed) == 1


def png(*chunks: tuple[bytes, bytes], colours: np.ndarray = COLOURS, **options: bytes) -> bytes:
    """Return a PNG with more chunks behind its header."""
    data = encoded(colours, "PNG", **options)
    more = b"".join(
        struct.pack(">I", len(value)) + kind + value + struct.pack(">I", zlib.crc32(kind + value))
        for kind, value in chunks
    )
    return data[:33] + more + data[33:]


SRGB_POINTS = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
P3_POINTS = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
TO_SRGB = np.linalg.solve(np.array(SRGB_COLORANTS).T, np.array(P3_COLORANTS).T)


def linear_of_srgb(values: np.ndarray) -> np.ndarray:
    values = values / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("gamma", [100_000, 55_556])
def test_the_gamma_of_a_png_is_applied(gamma: int) -> None:
    expected = srgb_from_linear((COLOURS / 255) ** (100_000 / gamma))
    assert np.abs(pixels_of(png((b"gAMA", struct.pack(">I", gamma)))) - expected).max() <= 1.5


def test_the_primaries_of_a_png_are_applied() -> None:
    data = png((b"gAMA", struct.pack(">I", 45455)), (b"cHRM", P3_POINTS))
    expected = srgb_from_linear(linear_of_srgb(COLOURS) @ TO_SRGB.T)
    assert np.abs(pixels_of(data) - expected).max() <= 2


@pytest.mark.parametrize("transfer", [8, 13])
def test_the_code_points_of_a_png_come_before_its_profile(transfer: int) -> None:
    data = png((b"cICP", bytes((12, transfer, 0, 1))), icc_profile=rgb_profile(1.8))
    linear = COLOURS / 255 if transfer == 8 else linear_of_srgb(COLOURS)
    assert np.abs(pixels_of(data) - srgb_from_linear(linear @ TO_SRGB.T)).max() <= 2


@pytest.mark.parametrize(
    "chunks",
    [
        [(b"gAMA", struct.pack(">I", 45455)), (b"cHRM", SRGB_POINTS)],
        [(b"gAMA", struct.pack(">I", 45455))],
        [(b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 100_000))],
        [(b"cHRM", P3_POINTS)],  # means nothing without gAMA
        [(b"gAMA", bytes(4))],
        [(b"gAMA", b"\xff\xff\xff\xff")],
        [(b"gAMA", struct.pack(">I", 100_000)), (b"cHRM", bytes(32))],
        [(b"gAMA", struct.pack(">I", 100_000)), (b"cHRM", struct.pack(">8I", *[2**31] * 8))],
        [(b"cICP", bytes((1, 13, 0, 1)))],
        [(b"cICP", bytes((9, 16, 0, 1)))],  # HDR
        [(b"cICP", bytes((255, 255, 255, 255)))],
        [(b"cICP", b"")],
    ],
)
def test_chunks_that_mean_srgb_or_nothing_leave_an_image_bit_for_bit(
    chunks: list[tuple[bytes, bytes]],
) -> None:
    np.testing.assert_array_equal(pixels_of(png(*chunks)), COLOURS)


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_the_code_points_of_heic_and_avif_are_applied(kind: str) -> None:
    smooth = np.asarray(Image.fromarray(COLOURS[:4, :4]).resize((64, 64), Image.Resampling.BICUBIC))
    data = encoded(smooth, kind, quality=98)
    place = data.find(b"nclx")
    if place < 0:
        pytest.fail("the encoder wrote no code points")
    data = data[: place + 4] + struct.pack(">HH", 12, 8) + data[place + 8 :]
    expected = srgb_from_linear((smooth / 255) @ TO_SRGB.T)
    assert np.abs(pixels_of(data) - expected).mean() < 3
