"""The store of decoded images: each image once, as the model sees it, by the SHA-256 of its file."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from darkroom.data.rows import Rows
from darkroom.images.resizing import Fit

HASH_BYTES = 32


class PixelStore:
    """Images uint8 [H,W,C] in one file, and the SHA-256 of their files in another, in the same order.

    Images are only added, so that an interrupted run leaves all but the last ones. A file of pixels that is
    longer than the file of hashes says is cut to it.
    """

    def __init__(self, folder: Path, shape: Sequence[int], *, fit: Fit = "crop") -> None:
        """Open the store in `folder`; make it if missing.

        Args:
            folder: of this store and those of other shapes.
            shape: of an image: height, width, channels.
            fit: how images are brought to the shape, as in `to_model_input`.
        """
        height, width, channels = shape
        self.shape = (height, width, channels)
        self.fit: Fit = fit
        self.bytes = height * width * channels
        name = f"{height}x{width}x{channels}-{fit}"
        folder.mkdir(parents=True, exist_ok=True)
        self.pixels_path, self.hashes_path = folder / f"{name}.pixels", folder / f"{name}.hashes"
        for path in (self.pixels_path, self.hashes_path):
            path.touch()
        count = min(
            self.hashes_path.stat().st_size // HASH_BYTES, self.pixels_path.stat().st_size // self.bytes
        )
        self._pixels = self.pixels_path.open("r+b")
        self._hashes = self.hashes_path.open("r+b")
        self._pixels.truncate(count * self.bytes)
        self._hashes.truncate(count * HASH_BYTES)
        hashes = self.hashes_path.read_bytes()
        self.places = {
            hashes[start : start + HASH_BYTES].hex(): start // HASH_BYTES
            for start in range(0, len(hashes), HASH_BYTES)
        }
        self._pixels.seek(0, 2)
        self._hashes.seek(0, 2)

    def __enter__(self) -> "PixelStore":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pixels.close()
        self._hashes.close()

    def add(self, images: Mapping[str, NDArray[np.uint8]]) -> None:
        """Add images by the SHA-256 of their files; one that is here already is left as it is."""
        new = {sha256: image for sha256, image in images.items() if sha256 not in self.places}
        for image in new.values():
            if image.shape != self.shape or image.dtype != np.uint8:
                raise ValueError(f"an image is {image.dtype} {image.shape}, not uint8 {self.shape}")
            self._pixels.write(np.ascontiguousarray(image).data)
        self._pixels.flush()  # before the hashes, which say that the pixels are there
        for sha256 in new:
            self.places[sha256] = len(self.places)
            self._hashes.write(bytes.fromhex(sha256))
        self._hashes.flush()

    def rows(self, sha256: Iterable[str]) -> Rows:
        """Return the images of the files with these SHA-256; raises KeyError where one is not here."""
        places = np.fromiter((self.places[one] for one in sha256), dtype=np.int64)
        self._pixels.flush()
        shape = (len(self.places), *self.shape)
        if not self.places:
            return Rows(np.empty(shape, np.uint8), places)
        return Rows(np.memmap(self.pixels_path, dtype=np.uint8, mode="r", shape=shape), places)
