"""The other loaders that `benchmarks.data` measures, each as its documentation advises for speed.

This file is run by its path, in the environment of `requirements/loaders.lock`, which has none of our code:

    python -P benchmarks/loaders.py timm --images FOLDER --scratch FOLDER --epochs 3 --workers 2

FOLDER has a folder of JPEGs for each class. A line of JSON an epoch goes to stdout: the seconds that it took
and its images. The first epoch has what the loader prepares for it in it: shards, an Arrow file, its workers'
start. All loaders give the same batches: float32 [64,3,224,224] on the CPU, standardised, of images whose
middle square was brought to 224 pixels by the antialiased bicubic filter, mirrored by chance and shifted.
Workers hand over uint8, a quarter of the bytes, and the batch is standardised at once.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, default_collate
from torchvision.datasets import ImageFolder
from torchvision.io import ImageReadMode, decode_jpeg

BATCH, SIDE, SHIFT = 64, 224, 2  # images; pixels; pixels each way at most
STORED = SIDE + 2 * SHIFT  # the side from which a shifted part is cut
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SHARD_IMAGES = 512  # of WebDataset: every worker has several shards
CHUNK_BYTES = "64MB"  # of LitData, as its documentation has it
SHUFFLED = 1000  # images among which WebDataset draws the next one
Batches = Iterable[tuple[Tensor, Tensor]]


def main() -> None:
    """Go through the epochs of one loader and print how long each took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("loader", choices=LOADERS)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.workers)
    started, used = time.perf_counter(), cpu_seconds()
    batches = LOADERS[options.loader](options.images, options.scratch, options.workers)
    for _ in range(options.epochs):
        images = sum(checked(x) for x, _ in batches)
        now, now_used = time.perf_counter(), cpu_seconds()
        row = {"seconds": now - started, "cpu_seconds": now_used - used, "images": images}
        print(json.dumps(row), flush=True)
        started, used = now, now_used


def cpu_seconds() -> float:
    """Return the CPU time that this process and all that it started have used."""
    this, total = psutil.Process(), 0.0
    for process in (this, *this.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def checked(x: Tensor) -> int:
    """Return how many images a batch has; raise ValueError where it is none of those that were agreed."""
    if x.shape != (BATCH, 3, SIDE, SIDE) or x.dtype != torch.float32:
        raise ValueError(f"a batch is {x.dtype} {list(x.shape)}, not float32 {[BATCH, 3, SIDE, SIDE]}")
    return len(x)


# --- from bytes to uint8 --------------------------------------------------------------------------------


def read_bytes(path: str) -> bytes:
    """Return what is in a file."""
    return Path(path).read_bytes()


def square(data: bytes) -> Tensor:
    """Decode a JPEG by torchvision; return its middle square as uint8 [3,STORED,STORED].

    torchvision's decoder and torch's kernel for uint8 are several times faster than Pillow's resizing.
    """
    image = decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8), mode=ImageReadMode.RGB)
    _, height, width = image.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle = image[None, :, top : top + side, left : left + side]
    return F.interpolate(middle, size=(STORED, STORED), mode="bicubic", antialias=True)[0]


def square_by_pillow(image: Image.Image) -> Tensor:
    """Return the middle square of an image as uint8 [3,STORED,STORED], by Pillow."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    small = image.convert("RGB").resize((STORED, STORED), Image.Resampling.BICUBIC, box=box)
    return torch.from_numpy(np.array(small)).permute(2, 0, 1)


def vary(image: Tensor) -> Tensor:
    """Return a shifted part of an image uint8 [3,STORED,STORED], mirrored by chance: [3,SIDE,SIDE]."""
    top, left, mirrored = (int(n) for n in torch.randint(0, 2 * (2 * SHIFT + 1), (3,)))
    top, left = top % (2 * SHIFT + 1), left % (2 * SHIFT + 1)
    part = image[:, top : top + SIDE, left : left + SIDE]
    return part.flip(2) if mirrored % 2 else part


def decoded(data: bytes) -> Tensor:
    """Return the image in the bytes of a JPEG as it is trained on: uint8 [3,SIDE,SIDE]."""
    return vary(square(data))


def decoded_by_pillow(image: Image.Image) -> Tensor:
    """Return an image of Pillow's as it is trained on: uint8 [3,SIDE,SIDE]."""
    return vary(square_by_pillow(image))


class Standardised:
    """The batches of a loader, uint8 [B,3,H,W] and labels, as float32 of mean 0 and deviation 1."""

    def __init__(self, batches: Iterable[Any]) -> None:
        self.batches = batches
        self.mean, self.std = (255 * torch.tensor(value).view(1, 3, 1, 1) for value in (MEAN, STD))

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for x, labels in self.batches:
            yield x.float().sub_(self.mean).div_(self.std), labels


def loader(data: Any, workers: int, **options: Any) -> Standardised:
    """Return torch's loader of a data set, at its best: workers that stay, whole batches ahead."""
    options = {"shuffle": True, "drop_last": True, **options}
    return Standardised(
        DataLoader(data, BATCH, num_workers=workers, persistent_workers=True, prefetch_factor=4, **options)
    )


# --- the loaders ----------------------------------------------------------------------------------------


def torchvision(images: Path, scratch: Path, workers: int) -> Batches:
    """Torchvision's ImageFolder, with its own decoder and torch's kernel for uint8."""
    return loader(ImageFolder(str(images), loader=read_bytes, transform=decoded), workers)


def torchvision_pillow(images: Path, scratch: Path, workers: int) -> Batches:
    """Torchvision's ImageFolder as it is by default: Pillow."""
    return loader(ImageFolder(str(images), transform=decoded_by_pillow), workers)


def timm(images: Path, scratch: Path, workers: int) -> Batches:
    """Timm's loader, whose prefetcher standardises; its readers are Pillow's."""
    from timm.data import create_dataset, create_loader

    data = create_dataset("", root=str(images))
    batches: Batches = create_loader(
        data,
        input_size=(3, SIDE, SIDE),
        batch_size=BATCH,
        is_training=True,
        num_workers=workers,
        device=torch.device("cpu"),
        persistent_workers=True,
        mean=MEAN,
        std=STD,
    )
    data.transform = timm_transform  # in the place of its own, which crops at random sizes
    return batches


def timm_transform(image: Image.Image) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return an image as timm's collation takes it, uint8 [3,SIDE,SIDE]."""
    return np.ascontiguousarray(decoded_by_pillow(image).numpy())


def datasets(images: Path, scratch: Path, workers: int) -> Batches:
    """Hugging Face datasets: its image folder as an Arrow file, decoded by torchvision."""
    from datasets import Image as HFImage
    from datasets import disable_progress_bars, load_dataset

    disable_progress_bars()
    data = load_dataset("imagefolder", data_dir=str(images), split="train", cache_dir=str(scratch))
    data = data.cast_column("image", HFImage(decode=False)).with_transform(transform_rows)
    return loader(data, workers, collate_fn=collated_rows)


def collated_rows(rows: list[dict[str, Any]]) -> Any:
    """Return rows of Hugging Face's as a batch."""
    return default_collate([(row["image"], row["label"]) for row in rows])


def transform_rows(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Decode the images of some rows of Hugging Face's."""
    found = [decoded(row["bytes"] or read_bytes(row["path"])) for row in rows["image"]]
    return {"image": found, "label": rows["label"]}


def litdata(images: Path, scratch: Path, workers: int) -> Batches:
    """LitData with the JPEGs in its chunks."""
    return optimised(images, scratch, workers, as_jpeg, decoded)


def litdata_pixels(images: Path, scratch: Path, workers: int) -> Batches:
    """LitData with decoded pixels in its chunks: an image is decoded once."""
    return optimised(images, scratch, workers, as_pixels, vary)


def optimised(
    images: Path, scratch: Path, workers: int, keep: Callable[..., Any], read: Callable[..., Tensor]
) -> Batches:
    """Write chunks of what `keep` makes of a file, and return the loader that `read`s them."""
    from litdata import StreamingDataLoader, StreamingDataset, optimize

    chunks = str(scratch / "chunks")
    inputs = ImageFolder(str(images)).samples
    optimize(
        keep, inputs, chunks, chunk_bytes=CHUNK_BYTES, num_workers=workers, verbose=False, start_method="fork"
    )
    data = StreamingDataset(chunks, shuffle=True, drop_last=True, max_cache_size="1TB")
    collate = partial(collated, read)
    return Standardised(
        StreamingDataLoader(
            data,
            batch_size=BATCH,
            num_workers=workers,
            persistent_workers=True,
            prefetch_factor=4,
            drop_last=True,
            collate_fn=collate,
        )
    )


def as_jpeg(sample: tuple[str, int]) -> tuple[bytes, int]:
    """Return the bytes and the label of a file."""
    return read_bytes(sample[0]), sample[1]


def as_pixels(sample: tuple[str, int]) -> tuple[Tensor, int]:
    """Return the pixels and the label of a file."""
    return square(read_bytes(sample[0])), sample[1]


def collated(read: Callable[..., Tensor], rows: list[tuple[Any, int]]) -> Any:
    """Return rows of LitData as a batch."""
    return default_collate([(read(image), label) for image, label in rows])


def webdataset(images: Path, scratch: Path, workers: int) -> Batches:
    """WebDataset: the JPEGs in tar shards, read in order and shuffled in memory."""
    import webdataset as wds

    samples = ImageFolder(str(images)).samples
    order = np.random.default_rng(0).permutation(len(samples))  # its documentation: shuffle before writing
    shard = min(SHARD_IMAGES, -(-len(samples) // workers))
    with wds.ShardWriter(str(scratch / "%06d.tar"), maxcount=shard, verbose=0) as writer:
        for number, row in enumerate(order):
            path, label = samples[row]
            writer.write({"__key__": f"{number:08d}", "jpg": read_bytes(path), "cls": label})
    shards = sorted(str(path) for path in scratch.glob("*.tar"))
    data = (
        wds.WebDataset(shards, shardshuffle=len(shards), nodesplitter=None, empty_check=False)
        .shuffle(SHUFFLED)
        .to_tuple("jpg", "cls")
        .map_tuple(decoded, int)
    )
    return loader(data, workers, shuffle=False)


LOADERS: dict[str, Callable[[Path, Path, int], Batches]] = {
    "torchvision": torchvision,
    "torchvision-pillow": torchvision_pillow,
    "timm": timm,
    "datasets": datasets,
    "litdata": litdata,
    "litdata-pixels": litdata_pixels,
    "webdataset": webdataset,
}

if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    main()
