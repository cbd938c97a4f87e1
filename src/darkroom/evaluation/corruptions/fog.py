"""Fog: light grey mixed in, unevenly."""

import numpy as np
from numpy.typing import NDArray

from darkroom.evaluation.corruptions.corruption import Corruption

LIGHT = 230  # grey level of a fog that hides everything
OCTAVES = (6, 12, 24)  # clouds a side: the largest, and those in them


def _fog(images: NDArray[np.uint8], opacity: float, generator: np.random.Generator) -> NDArray[np.float32]:
    """Mix in light grey, from half the mean opacity in one place to one and a half in another."""
    count, height, width, _ = images.shape
    noise = generator.standard_normal((count, height, width), dtype=np.float32)
    # Gaussian filters of white noise, by their spectrum: the field continues across the image's edges.
    squared = np.fft.fftfreq(height)[:, None] ** 2 + np.fft.rfftfreq(width) ** 2
    spectrum = np.zeros_like(squared)
    for clouds in OCTAVES:
        deviation = min(height, width) / clouds
        # A wider filter leaves a fainter field: the square gives each octave half of the one before.
        spectrum += np.exp(-2 * (np.pi * deviation) ** 2 * squared) / clouds**2
    field = np.fft.irfft2(np.fft.rfft2(noise) * spectrum.astype(np.float32), s=(height, width))
    low, high = (extreme(field, axis=(1, 2), keepdims=True) for extreme in (np.min, np.max))
    thickness = np.float32(opacity) * (np.float32(0.5) + (field - low) / (high - low))[..., None]
    return np.asarray(images + thickness * (np.float32(LIGHT) - images))


FOG = Corruption((0.15, 0.3, 0.4, 0.5, 0.6), _fog)  # mean opacity
