"""What decoding large JPEGs at a part of their size saves: `python -m benchmarks.decoding`."""

import io
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from darkroom.images.decoding import decode, load_for_model
from darkroom.images.formats import open_image
from darkroom.images.resizing import to_model_input

SIZES = ((500, 375), (1600, 1200), (4000, 3000))  # width and height in pixels
SIDES = (48, 224)  # of the model's input
SECONDS = 4.0  # that each is measured


def photo(width: int, height: int) -> bytes:
    """Return a JPEG with edges, gradients and fine noise."""
    y, x = np.mgrid[0 : 1 : 1j * height, 0 : 1 : 1j * width].astype(np.float32)
    planes = [
        120 + 90 * np.sin(9 * x + k) * np.cos(7 * y - k) + 40 * (np.sin(60 * x * y) > 0) for k in range(3)
    ]
    noise = np.random.default_rng(0).normal(0, 6, (height, width, 1))
    file = io.BytesIO()
    pixels = np.clip(np.stack(planes, -1) + noise, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


def images_per_second(call: Callable[[], object]) -> float:
    """Return how often `call` runs in a second of CPU time."""
    call()
    start, count = time.process_time(), 0
    while time.process_time() - start < SECONDS:
        call()
        count += 1
    return count / (time.process_time() - start)


def main() -> None:
    """Print a row a size: images a second of one thread, whole and reduced, and how the pixels differ."""
    print("photo        model   whole/s   reduced/s   gain   difference of 255: mean, largest")
    for width, height in SIZES:
        data = photo(width, height)
        for side in SIDES:

            def whole(data: bytes = data, side: int = side) -> NDArray[np.uint8]:
                return to_model_input(decode(data), height=side, width=side, channels=3)

            def reduced(data: bytes = data, side: int = side) -> NDArray[np.uint8]:
                image = load_for_model(open_image(data), height=side, width=side, fit="crop")
                return to_model_input(image, height=side, width=side, channels=3)

            difference = np.abs(whole().astype(int) - reduced())
            before, after = images_per_second(whole), images_per_second(reduced)
            print(
                f"{width:4} x {height:4}  {side:5}  {before:8.1f}  {after:10.1f}  {after / before:4.1f} x"
                f"   {difference.mean():.2f}, {difference.max()}"
            )


if __name__ == "__main__":
    main()
