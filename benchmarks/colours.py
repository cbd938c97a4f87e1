"""What converting an image's colours to sRGB costs: `python -m benchmarks.colours`."""

import time
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms

from darkroom.images.colour_tags import make_profile
from darkroom.images.colours import to_srgb

SIDE = 2000  # pixels: an image of 4 megapixels
REPEATS = 5
DISPLAY_P3 = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)


def milliseconds(call: Callable[[], object]) -> float:
    """Return the median CPU time of several calls."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return 1000 * float(np.median(times))


def main() -> None:
    """Print a row a kind of profile: CPU time of the first image with it, and of later ones per megapixel."""
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    kinds = {
        "sRGB": srgb,
        "Display P3": make_profile(DISPLAY_P3, None),
        "gamma 1.8": make_profile(DISPLAY_P3, 1.8),
    }
    print("profile      first image, 1 pixel    later, per megapixel")
    for name, profile in kinds.items():
        start = time.process_time()
        to_srgb(Image.new("RGB", (1, 1)), profile)
        first = 1000 * (time.process_time() - start)
        later = milliseconds(lambda profile=profile: to_srgb(image, profile)) / (SIDE * SIDE / 1e6)  # type: ignore[misc]
        print(f"{name:12} {first:17.1f} ms {later:17.2f} ms")


if __name__ == "__main__":
    main()
