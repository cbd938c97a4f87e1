"""Colour spaces that an image names by numbers and not by an ICC profile: such a profile is made from them.

PNG has the chunks cICP, gAMA and cHRM, HEIC and AVIF the box colr with the code points of ITU-T H.273. As in
browsers, cICP comes before an ICC profile, which comes before colr; gAMA and cHRM count only where there is
none of these nor the chunk sRGB. The transfer curves of television (BT.709 and the like) are taken for
sRGB's, with which such images are made. HDR (PQ and HLG) would need tone mapping and is left as it is.
"""

import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .heif_boxes import HeifFile

Chromaticities = tuple[float, ...]  # x and y of white, red, green and blue
_SRGB: Chromaticities = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_PRIMARIES: dict[int, Chromaticities] = {  # by H.273's code points; all others are taken for sRGB's
    9: (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),  # BT.2020
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),  # DCI-P3
    12: (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),  # Display P3
}
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}  # by H.273's code points; all others are taken for sRGB's curve
_HDR = (16, 18)
_GAMMA_OF_SRGB = 1 / 2.2  # what encoders write into gAMA for it
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_D50 = np.array([0.9642, 1.0, 0.8249])


def png_code_points(data: bytes) -> tuple[int, int] | None:
    """Return the primaries and the transfer curve that the chunk cICP of a PNG names; None without one."""
    place = 8
    while place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        if kind == b"cICP" and length == 4:
            return data[place + 8], data[place + 9]
        if kind == b"IDAT":
            return None
        place += 12 + length
    return None


def heif_code_points(file: HeifFile) -> tuple[int, int] | None:
    """Return the primaries and transfer curve of a HEIC's or AVIF's main image; None where it names none."""
    return file.items[file.primary].code_points if file.primary in file.items else None


def profile_of(info: Mapping[Any, Any]) -> bytes | None:
    """Return the ICC profile of an image, or one made from what it names instead; None for sRGB.

    Args:
        info: of a Pillow image, to which `open_image` has added `code_points`.
    """
    points = info.get("code_points")
    if points is not None and (points[0] in _PRIMARIES or points[1] in (*_GAMMAS, *_HDR)):
        primaries, transfer = points
        if transfer in _HDR:
            return None
        return make_profile(_PRIMARIES.get(primaries, _SRGB), _GAMMAS.get(transfer))
    if profile := info.get("icc_profile"):
        return bytes(profile)
    gamma = info.get("gamma")
    if not gamma or "srgb" in info:
        return None
    exponent = None if abs(gamma - _GAMMA_OF_SRGB) < 0.005 else 1 / gamma
    return make_profile(tuple(info.get("chromaticity") or _SRGB), exponent)


@lru_cache(maxsize=32)
def make_profile(chromaticities: Chromaticities, gamma: float | None) -> bytes | None:
    """Return an ICC profile with these primaries, and with this exponent or, where None, the curve of sRGB.

    Returns:
        The profile; None for impossible primaries.

    >>> make_profile((0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06), None)[36:40]
    b'acsp'
    """
    try:
        with np.errstate(all="ignore"):
            colorants = _colorants(chromaticities)
    except (ValueError, ZeroDivisionError, np.linalg.LinAlgError):
        return None
    if not np.isfinite(colorants).all() or np.abs(colorants).max() > 100 or not 0.1 <= (gamma or 1) <= 10:
        return None
    if gamma is None:
        curve = struct.pack(
            ">4s4xH2x5i", b"para", 3, *_fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
        )
    else:
        curve = struct.pack(">4s4xH2xi", b"para", 0, *_fixed(gamma))
    tags = [
        (name, _xyz(column)) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants.T, strict=True)
    ]
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    tags.append((b"wtpt", _xyz(_D50)))
    place = 128 + 4 + 12 * len(tags)
    table = struct.pack(">I", len(tags))
    for name, value in tags:
        table += struct.pack(">4sII", name, place, len(value))
        place += len(value)
    head = struct.pack(
        ">I4xI4s4s4s12x4s28x3i48x", place, 0x04000000, b"mntr", b"RGB ", b"XYZ ", b"acsp", *_fixed(*_D50)
    )
    return head + table + b"".join(value for _, value in tags)


def _colorants(chromaticities: Chromaticities) -> NDArray[np.float64]:
    """Return the primaries' XYZ, one a column, adapted to D50 by Bradford's matrix (ICC.1:2022, annex E)."""
    points = np.array(chromaticities, dtype=np.float64).reshape(4, 2)
    white, *primaries = np.column_stack([points, 1 - points.sum(axis=1)]) / points[:, 1:]
    matrix = np.array(primaries).T
    matrix = matrix * np.linalg.solve(matrix, white)
    scale = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    return np.linalg.solve(_BRADFORD, scale[:, None] * (_BRADFORD @ matrix))


def _fixed(*values: float) -> tuple[int, ...]:
    return tuple(round(float(value) * 65536) for value in values)


def _xyz(values: NDArray[np.float64]) -> bytes:
    return struct.pack(">4s4x3i", b"XYZ ", *_fixed(*values))
