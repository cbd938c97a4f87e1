"""How many altered copies of held-out images are kept out of training: `python -m benchmarks.leaks`.

Validation images are altered and offered as corrections. They stand for the test images too: the code treats
both alike, and a benchmark that guides choices must not use the test set. Training images are offered as
well, of which only those that truly resemble a held-out image should be refused.
"""

import argparse
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from darkroom.config import load_params
from darkroom.data.corrections.merging import merge_corrections
from darkroom.data.corrections.reading import read_corrections
from darkroom.data.splits import Split, open_split, read_meta
from darkroom.text import class_folder

ROOT = Path(__file__).resolve().parent.parent
ENLARGED = 4  # times, as in a screenshot or a print


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.leaks", description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT / "data", help="of the splits (default: data/)")
    parser.add_argument("--images", type=int, default=500, help="images of each kind (default %(default)s)")
    options = parser.parse_args()
    meta, params = read_meta(options.data / "meta.json"), load_params(ROOT / "params.yaml")
    similarity = 0.99 if meta.name == "digits" else params.evaluate.duplicate_similarity
    held, train = (open_split(options.data / part) for part in ("validation", "train"))
    random = np.random.default_rng(0)

    def refused(images: NDArray[np.uint8], alter: Callable[[Image.Image], bytes], rest: Split) -> float:
        """Return the share of altered images that are refused as copies of held-out ones."""
        chosen = random.choice(len(images), min(options.images, len(images)), replace=False)
        splits = {"train": rest, "validation": held, "test": held.first(1)}
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / class_folder(meta.classes[0])
            place.mkdir()
            for number, index in enumerate(chosen):
                (place / str(number)).write_bytes(alter(_image(images[index])))
            corrections = read_corrections(
                Path(folder),
                meta.classes,
                height=meta.height,
                width=meta.width,
                channels=meta.channels,
                fit=params.data.fit,
            )
        mirror = meta.name != "digits" and params.augment.flip != "none"
        merged = merge_corrections(corrections, splits, meta.classes, similarity=similarity, mirror=mirror)
        reasons = merged.outcomes["reason"].astype("string")
        return float(reasons.str.contains("(?:is|resembles) a (?:test|validation)", na=False).mean())

    print(f"{meta.name}, similarity {similarity}, {options.images} images per row; share refused")
    for name, alter in ALTERED.items():
        print(f"  held-out images, {name:<42} {refused(held.images, alter, train.first(1)):8.1%}", flush=True)
    print(f"  training images, {'unchanged':<42} {refused(train.images, _png, train.first(1)):8.1%}")


def _image(pixels: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _png(image: Image.Image) -> bytes:
    return _encoded(image, "PNG")


def _encoded(image: Image.Image, kind: str, **options: int) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _large(image: Image.Image) -> Image.Image:
    return image.resize((image.width * ENLARGED, image.height * ENLARGED), Image.Resampling.BICUBIC)


def _cropped(image: Image.Image, share: float) -> Image.Image:
    large = _large(image)
    cut = round(large.width * share)
    return large.crop((cut, cut, large.width - cut, large.height - cut))


def _framed(image: Image.Image, share: float) -> Image.Image:
    large = _large(image)
    edge = round(large.width * share)
    framed = Image.new(large.mode, (large.width + 2 * edge, large.height + 2 * edge), "white")
    framed.paste(large, (edge, edge))
    return framed


ALTERED: dict[str, Callable[[Image.Image], bytes]] = {
    "unchanged": _png,
    "mirrored": lambda image: _png(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
    "JPEG of quality 30": lambda image: _encoded(image, "JPEG", quality=30),
    "four times larger, JPEG of quality 50": lambda image: _encoded(_large(image), "JPEG", quality=50),
    "half as bright": lambda image: _png(ImageEnhance.Brightness(image).enhance(0.5)),
    "half the contrast": lambda image: _png(ImageEnhance.Contrast(image).enhance(0.5)),
    "grey": lambda image: _png(image.convert("L")),
    "cropped by 3 % on each side": lambda image: _png(_cropped(image, 0.03)),
    "cropped by 10 % on each side": lambda image: _png(_cropped(image, 0.10)),
    "in a white frame of 5 % on each side": lambda image: _png(_framed(image, 0.05)),
    "rotated by 3 degrees": lambda image: _png(_large(image).rotate(3, Image.Resampling.BICUBIC)),
    "rotated by 10 degrees": lambda image: _png(_large(image).rotate(10, Image.Resampling.BICUBIC)),
}


if __name__ == "__main__":
    main()
