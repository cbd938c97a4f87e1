"""Accepted formats, and the limits that are checked before decoding."""

import base64
import gzip
import io
import pickle
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from darkroom.images import formats
from darkroom.images.decoding import decode
from darkroom.images.formats import FORMATS, MAX_PIXELS, ImageError, accepted_names, open_image
from tests.helpers.serving import encoded


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that ends after a header with this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(10_000, 5_001), (60_000, 60_000)])
def test_too_many_pixels_are_refused_from_the_header_alone(size: tuple[int, int]) -> None:
    with pytest.raises(ImageError, match=f"at most {MAX_PIXELS:,}") as caught:
        decode(png_header(*size))
    assert (caught.value.status, caught.value.code) == (413, "too_many_pixels")


def test_exactly_the_limit_of_pixels_is_accepted() -> None:
    assert open_image(png_header(10_000, 5_000)).size == (10_000, 5_000)
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
def test_other_content_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(ImageError) as caught:
        decode(data)
    assert (caught.value.status, caught.value.code) == (422, code)


def tiff_of_a_camera(*tags: tuple[int, int, int, int], more: bytes = b"") -> bytes:
    """Return a TIFF whose first image is one pixel, with these tags: number, kind, count, value."""
    usual = [(256, 3, 1, 1), (257, 3, 1, 1), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 0), (279, 4, 1, 1)]
    entries = sorted({entry[0]: entry for entry in (*usual, *tags)}.values())
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + bytes(4) + more


def tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("image.png"))
    return file.getvalue()


def zipped(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, b"content")
    return file.getvalue()


NAMED = {
    "PDF": b"%PDF-1.7\n%\xe2\xe3",
    "SVG": b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- drawn -->\n<svg xmlns='http://www.w3.org/2000/svg'/>",
    "PSD": b"8BPS\0\1" + bytes(20),
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "XCF": b"gimp xcf v011",
    "JPEG XL": b"\xff\x0a\xfa\x1f\x41",
    "JPEG XR": b"II\xbc\x01\x20",
    "DNG": tiff_of_a_camera((50706, 1, 4, 0x0401)),
    "CR2": b"II*\0\x10\0\0\0CR\2\0" + bytes(40),
    "CR3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
    "NEF": tiff_of_a_camera((254, 4, 1, 1), (271, 2, 6, 120), (330, 4, 1, 200), more=b"NIKON CORPORATION\0"),
    "ARW": tiff_of_a_camera((254, 4, 1, 1), (271, 2, 5, 120), (330, 4, 1, 200), more=b"SONY\0"),
    "PEF": tiff_of_a_camera((262, 3, 1, 32803), (271, 2, 6, 120), more=b"PENTAX\0"),
    "RAF": b"FUJIFILMCCD-RAW 0201",
    "ORF": b"IIRO\x08\0\0\0",
    "RW2": b"IIU\0\x18\0\0\0",
    "DICOM": bytes(128) + b"DICM" + bytes(20),
    "EXR": b"\x76\x2f\x31\x01\2\0\0\0",
    "HDR": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n",
    "FITS": b"SIMPLE  =                    T",
    "NIfTI": bytes(344) + b"n+1\0",
    "MP4": b"\0\0\0\x20ftypisom\0\0\2\0isomiso2",
    "(MP4)": b"\0\0\0\x20ftypmp42\0\0\0\0mp42isom",
    "MOV": b"\0\0\0\x14ftypqt  \0\0\2\0",
    "WebM": b"\x1aE\xdf\xa3\x9fB\x86",
    "ZIP": zipped("image.png"),
    "Word": zipped("word/document.xml"),
    "tar": tar(),
    "ICC": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    "first bytes are damaged": png_header(3, 3)[1:],
    "gzip": gzip.compress(b"image"),
    "HTML": b"\n<!DOCTYPE html><html><head><title>Sign in</title>",
    "JSON": b'{"image": "iVBORw0KGgo="}',
    "base64": base64.b64encode(png_header(3, 3)),
    "data:": b"data:image/png;base64,iVBORw0KGgo=",
    "address": b"https://example.org/cat.jpg",
    "Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
    "ICO": b"\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0" + bytes(30),
    "CUR": b"\0\0\2\0\1\0\x10\x10\0\0\1\0\1\0\x30\1\0\0" + bytes(30),
    "TGA": b"\0\0\2" + bytes(9) + b"\x10\0\x10\0\x18\0" + bytes(768),
    "PCX": b"\x0a\5\1\x08" + bytes(124),
    "a PCX": b"\x0a\0\x20\1" + bytes(124),  # of an unknown encoding
    "WAL": bytes(32) + b"\x80\0\0\0\x80\0\0\0d\0\0\0d@\0\0" + bytes(40),
    "IMT": b"*comment\nwidth 256\nheight 10\npixel n8\n\x0c" + bytes(range(40)),
    "Python pickle": pickle.dumps([1.5, "image"]),
    "pickle": pickle.dumps([1.5, "image"], protocol=2),
    "DDS": b"DDS \x7c\0\0\0",
    "QOI": b"qoif\0\0\0\1\0\0\0\1\3\0",
    "text": "Ein Text über Bilder\n".encode(),
    "Numpy": b"\x93NUMPY\1\0v\0{'descr'",
    "all zero": bytes(4096),
    "macOS": b"\0\5\x16\7\0\2\0\0Mac OS X",
}


@pytest.mark.parametrize("name", NAMED)
def test_what_is_not_accepted_is_named(name: str) -> None:
    with pytest.raises(ImageError) as caught:
        decode(NAMED[name])
    assert (caught.value.status, caught.value.code) == (422, "not_an_image")
    assert name.lower() in caught.value.message.lower()
    assert "are not an image in an accepted format" not in caught.value.message


def test_text_in_utf_16_is_named() -> None:
    with pytest.raises(ImageError, match="web page"):
        decode("<!DOCTYPE html><p>é".encode("utf-16"))


def test_an_error_holds_nothing_of_the_file() -> None:
    for data in (b"\x1b[31mhello\r\n", b"\0\0\0\x18ftypmif1\0\0\0\0\x1b[2J\n" + bytes(30), *NAMED.values()):
        with pytest.raises(ImageError) as caught:
            decode(data)
        assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"RIFF\x20\0\0\0WEBPVP8 ", "WebP"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", "AVIF"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"GIF89a", "GIF"),
        (b"BM\0\0", "BMP"),
        (b"II*\0\x08\0\0\0", "TIFF"),
        (b"P6 3", "PNM"),
    ],
)
def test_an_accepted_format_that_is_cut_short_is_named_too(head: bytes, name: str) -> None:
    with pytest.raises(ImageError) as caught:
        decode(head)
    assert caught.value.code in ("not_an_image", "broken_image")
    assert name in caught.value.message
    assert "Use the complete file" in caught.value.message


def test_heif_with_another_codec_names_it() -> None:
    data = encoded(Image.new("RGB", (16, 16)), "HEIF").replace(b"hvc1", b"avc1")
    with pytest.raises(ImageError, match=r"no still image in HEVC or AV1.*'avc1'"):
        decode(data)


def test_without_pillow_heif_a_heic_image_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "FORMATS", tuple(name for name in FORMATS if name != "HEIF"))
    with pytest.raises(ImageError, match="pillow-heif is not installed") as caught:
        decode(encoded(Image.new("RGB", (16, 16)), "HEIF"))
    assert caught.value.code == "not_an_image"
    assert "HEIC" not in formats.accepted_names()


def test_the_codec_decides_where_the_brand_is_of_both() -> None:
    for kind in ("AVIF", "HEIF"):
        data = encoded(Image.new("RGB", (16, 16), "red"), kind)
        image = open_image(data[:8] + b"mif1" + data[12:])
        assert image.format == kind


def test_every_accepted_format_is_documented_in_the_page_and_the_docs() -> None:
    for place in ("src/darkroom/serving/page/index.html", "docs/images.md"):
        text = " ".join((Path(__file__).parents[2] / place).read_text(encoding="utf-8").split())
        assert accepted_names() in text or accepted_names().replace(" or ", " and ") in text, place


def test_a_variant_that_is_not_supported_is_told_from_damage() -> None:
    good = bytearray(encoded(Image.new("P", (8, 8)), "BMP"))
    good[28] = 2  # bits a pixel
    with pytest.raises(ImageError, match="This is BMP in a variant that cannot be read here"):
        decode(bytes(good))
