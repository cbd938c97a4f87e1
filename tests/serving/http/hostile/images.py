"""Damaged images of every format, and decompression bombs."""

import struct
import zlib
from typing import Any

import numpy as np
import requests
from PIL import Image

from tests.helpers.serving import encoded, random_image
from tests.serving.http.hostile.counts import SECONDS, Counts, kind_of

Random = np.random.Generator


def originals() -> list[bytes]:
    """Return good files of every format, in its variants."""
    rgb = Image.fromarray(random_image(40, 56))
    grey = rgb.convert("L")
    kinds: list[tuple[Image.Image, str, dict[str, Any]]] = [
        (rgb, "PNG", {}),
        (rgb.convert("RGBA"), "PNG", {}),
        (rgb.quantize(16), "PNG", {"transparency": 3}),
        (Image.fromarray(np.asarray(grey).astype(np.uint16) * 257), "PNG", {}),
        (rgb, "JPEG", {}),
        (rgb, "JPEG", {"progressive": True}),
        (rgb.convert("CMYK"), "JPEG", {}),
        (grey, "JPEG", {"exif": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"}),
        (rgb, "WEBP", {}),
        (rgb.convert("RGBA"), "WEBP", {"lossless": True}),
        (rgb, "WEBP", {"save_all": True, "append_images": [grey.convert("RGB")]}),
        (rgb, "GIF", {}),
        (rgb, "GIF", {"save_all": True, "append_images": [grey.convert("RGB")], "transparency": 0}),
        (rgb, "BMP", {}),
        (grey, "BMP", {}),
        (rgb.convert("1"), "BMP", {}),
        (rgb, "TIFF", {}),
        (rgb, "TIFF", {"compression": "tiff_lzw"}),
        (rgb, "TIFF", {"compression": "tiff_adobe_deflate"}),
        (rgb, "TIFF", {"compression": "jpeg"}),
        (grey.convert("1"), "TIFF", {"compression": "group4"}),
        (grey.convert("F"), "TIFF", {}),
        (grey.convert("I"), "TIFF", {}),
        (rgb.convert("CMYK"), "TIFF", {"compression": "packbits"}),
        (rgb, "HEIF", {}),
        (rgb.convert("RGBA"), "HEIF", {"tile_size": 16}),
        (rgb, "AVIF", {}),
        (rgb, "AVIF", {"save_all": True, "append_images": [grey.convert("RGB")]}),
        (rgb, "JPEG2000", {}),
        (grey, "JPEG2000", {"no_jp2": True}),
        (rgb, "PPM", {}),
        (grey.convert("1"), "PPM", {}),
    ]
    return [encoded(image, kind, **options) for image, kind, options in kinds]


def mutated(data: bytes, random: Random, others: list[bytes]) -> bytes:
    """Return a good file with one to four random damages."""
    out = bytearray(data)
    for _ in range(int(random.integers(1, 5))):
        place = int(random.integers(0, max(1, len(out))))
        length = int(random.integers(1, 33))
        way = int(random.integers(0, 9))
        if way == 0:
            out = out[:place]
        elif way == 1:
            out[place : place + length] = random.bytes(length)
        elif way == 2:
            del out[place : place + length]
        elif way == 3:
            out[place:place] = out[place : place + 20 * length] * int(random.integers(1, 20))
        elif way == 4:  # sizes and offsets are at the beginning, as numbers of 2 or 4 bytes
            place = int(random.integers(0, min(128, max(1, len(out)))))
            extreme = random.choice([0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF])
            out[place : place + 4] = struct.pack(">I" if random.random() < 0.5 else "<I", int(extreme))
        elif way == 5 and out:
            for _ in range(length):
                out[int(random.integers(0, len(out)))] ^= 1 << int(random.integers(0, 8))
        elif way == 6:
            other = others[int(random.integers(0, len(others)))]
            out[place:] = other[int(random.integers(0, len(other))) :]
        elif way == 7:
            out[place : place + 8 * length] = bytes(8 * length)
        else:
            out += random.bytes(length)
    return bytes(out[:2_000_000])


def chunk(name: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def bombs() -> list[bytes]:
    """Return small files that would become large, or take long, if they were decoded as their headers say."""
    head = b"\x89PNG\r\n\x1a\n"

    def png(width: int, height: int, *extra: bytes, pixels: bytes = b"") -> bytes:
        size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        return head + chunk(b"IHDR", size) + b"".join(extra) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")

    zeros = zlib.compress(bytes(50_000_000), 9)
    good = zlib.compress((b"\0" + bytes(96)) * 32)
    jpeg = encoded(Image.fromarray(random_image(64, 64)), "JPEG", progressive=True)
    scan = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    gif = encoded(Image.fromarray(random_image()), "GIF")
    bmp = bytearray(encoded(Image.fromarray(random_image()), "BMP"))
    webp = bytearray(encoded(Image.fromarray(random_image()), "WEBP", lossless=True))
    files = [
        png(100_000, 100_000, pixels=zeros),
        png(0xFFFFFFFF, 0xFFFFFFFF),
        png(7_000, 7_000, pixels=zeros),
        png(32, 32, chunk(b"zTXt", b"a\0\0" + zeros), pixels=good),
        png(32, 32, chunk(b"iTXt", b"a\0\1\0\0\0" + zeros), pixels=good),
        png(32, 32, chunk(b"iCCP", b"a\0\0" + zeros), pixels=good),
        png(32, 32, *[chunk(b"tEXt", b"a\0" + b"b" * 1000)] * 1000, pixels=good),
        png(32, 32, chunk(b"acTL", struct.pack(">II", 0xFFFFFFFF, 0)), pixels=good),
        png(32, 32, pixels=zeros),
        jpeg[:-2] + scan * 5000 + jpeg[-2:],
        jpeg[:-2] + scan * 90 + jpeg[-2:],
        gif[:6] + b"\xff\xff\xff\xff" + gif[10:],
        encoded(Image.new("1", (10_000, 5_001))),
        encoded(Image.new("L", (7_000, 7_000)), "TIFF", compression="tiff_adobe_deflate"),
        encoded(Image.new("L", (7_000, 7_000)), "GIF"),
        bytes(webp[:25]) + b"\xff\xff\xff\xff" + bytes(webp[29:]),
    ]
    for width, height in ((0x7FFFFFFF, 0x7FFFFFFF), (32, -0x80000000 & 0xFFFFFFFF), (0, 0)):
        bmp[18:26] = struct.pack("<II", width, height)
        files.append(bytes(bmp))
    # a TIFF whose directory points to itself, one with many entries, one with an endless value
    loop = b"II*\0\x08\0\0\0" + struct.pack("<H", 0) + struct.pack("<I", 8)
    entry = struct.pack("<HHII", 256, 4, 0xFFFFFFFF, 8)
    many = b"II*\0\x08\0\0\0" + struct.pack("<H", 65535) + entry * 65535 + struct.pack("<I", 8)
    return [*files, loop, many, b"II*\0\x08\0\0\0" + struct.pack("<H", 1) + entry + struct.pack("<I", 0)]


def send_images(url: str, count: int, random: Random, counts: Counts) -> None:
    """Send damaged images of every format and decompression bombs, alone and in batches."""
    session = requests.Session()
    good, bad = originals(), bombs()
    for number in range(count):
        data = bad[number] if number < len(bad) else mutated(good[number % len(good)], random, good)
        if number % 10 == 9:
            files = [("images", ("a", good[number % len(good)])), ("images", ("b", data))]
            path = "/predict_batch"
        else:
            files, path = [("image", ("a", data))], "/predict"
        try:
            response = session.post(url + path, files=files, timeout=SECONDS)
        except requests.RequestException as error:
            counts[f"none: {type(error).__name__}"] += 1
            session = requests.Session()
            continue
        counts[kind_of(response)] += 1
