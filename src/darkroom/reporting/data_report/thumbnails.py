"""Images in the page: as data: URLs, several in one strip."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 64  # of a thumbnail, in pixels of the page
GAP = 3  # between two
LOSSLESS = 32  # sides up to which PNG is used


def strip(
    images: Sequence[NDArray[np.uint8]] | NDArray[np.uint8], description: str, *, side: int = SIDE
) -> str:
    """Return an `img` of images uint8 [H,W,C] side by side; `description` is escaped already.

    Small images are enlarged without smoothing, so that their pixels are seen as they are.
    """
    if not len(images):
        return ""
    pictures = [_thumbnail(image, side) for image in images]
    width = sum(picture.width for picture in pictures) + GAP * (len(pictures) - 1)
    whole = Image.new("RGB", (width, max(picture.height for picture in pictures)), (128, 128, 128))
    left = 0
    for picture in pictures:
        whole.paste(picture, (left, 0))
        left += picture.width + GAP
    file = io.BytesIO()
    lossless = max(images[0].shape[:2]) <= LOSSLESS
    whole.save(file, "PNG", optimize=False) if lossless else whole.save(file, "JPEG", quality=85)
    data = base64.b64encode(file.getvalue()).decode()
    kind = "png" if lossless else "jpeg"
    return (
        f'<img alt="{description}" width="{whole.width}" height="{whole.height}" '
        f'src="data:image/{kind};base64,{data}">'
    )


def _thumbnail(image: NDArray[np.uint8], side: int) -> Image.Image:
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else np.ascontiguousarray(image))
    scale = side / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    method = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.BICUBIC
    return picture.convert("RGB").resize(size, method)
