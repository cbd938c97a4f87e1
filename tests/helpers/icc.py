"""ICC profiles made byte by byte, and the colours that they stand for, computed with numpy (ICC.1:2001)."""

import struct
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

SRGB_COLORANTS = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7142))  # XYZ, to D50
P3_COLORANTS = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
D50 = np.array([0.9642, 1.0, 0.8249])


def rgb_profile(gamma: float, colorants: tuple[tuple[float, ...], ...] = SRGB_COLORANTS) -> bytes:
    """Return the profile of an RGB space with one gamma and these primaries."""
    tags = {name: _xyz(*values) for name, values in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants, strict=True)}
    return _profile(
        b"RGB ", b"XYZ ", {**tags, **{name: _gamma(gamma) for name in (b"rTRC", b"gTRC", b"bTRC")}}
    )


def grey_profile(gamma: float) -> bytes:
    """Return the profile of a grey space."""
    return _profile(b"GRAY", b"XYZ ", {b"kTRC": _gamma(gamma)})


def cmyk_profile(lab_of: Callable[[float, float, float, float], tuple[float, float, float]]) -> bytes:
    """Return the profile of inks whose mixtures of all or nothing look as `lab_of` says."""
    identity = bytes(range(256))
    grid = b""
    for number in range(16):
        inks = [float(number >> shift & 1) for shift in (3, 2, 1, 0)]
        lightness, a, b = lab_of(inks[0], inks[1], inks[2], inks[3])
        grid += bytes((round(lightness * 2.55), round(a + 128), round(b + 128)))
    matrix = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + matrix + identity * 4 + grid + identity * 3
    return _profile(b"CMYK", b"Lab ", {b"A2B0": table, b"A2B1": table, b"A2B2": table})


def srgb_from_linear(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sRGB values, 0 to 255, of linear light (IEC 61966-2-1)."""
    linear = linear.clip(0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055) * 255


def srgb_from_lab(lightness: float, a: float, b: float) -> NDArray[np.float64]:
    """Return the sRGB values of a colour in CIE L*a*b* under D50."""
    fy = (lightness + 16) / 116
    f = np.array([fy + a / 500, fy, fy - b / 200])
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * D50
    return srgb_from_linear(np.linalg.solve(np.array(SRGB_COLORANTS).T, xyz))


def _profile(space: bytes, connection: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    tags = {**tags, b"wtpt": _xyz(*D50), b"desc": b"desc\0\0\0\0\0\0\0\x05test\0" + bytes(78)}
    offset = 128 + 4 + 12 * len(tags)
    table, content = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        table += struct.pack(">4sII", name, offset + len(content), len(value))
        content += value + bytes(-len(value) % 4)
    header = struct.pack(
        ">I4sI4s4s4s12s4s28s3i48s",
        128 + len(table) + len(content),
        b"\0\0\0\0",
        0x02400000,
        b"prtr" if space == b"CMYK" else b"mntr",
        space,
        connection,
        struct.pack(">6H", 2026, 1, 1, 0, 0, 0),
        b"acsp",
        bytes(28),
        *(round(value * 65536) for value in D50),
        bytes(48),
    )
    assert len(header) == 128
    return header + table + content


def _xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def _gamma(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
