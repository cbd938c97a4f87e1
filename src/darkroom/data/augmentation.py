"""Augmentation of a whole batch at once, on the device where training runs."""

import torch
from torch import Tensor


def augment(
    images: Tensor,
    mirrored: Tensor,
    *,
    translate: int,
    cutout: int,
    fill: Tensor,
    generator: torch.Generator,
) -> Tensor:
    """Return images uint8 [B,H,W,C] mirrored, translated and with a square cut out.

    Args:
        images: uint8 [B,H,W,C]; they are not changed.
        mirrored: which of them are mirrored, bool [B], on the same device.
        translate: largest shift each way, in pixels; the edges are reflected.
        cutout: side of the square in pixels, 0 for none (DeVries & Taylor 2017, arXiv:1708.04552).
        fill: colour of the square, uint8 [C].
        generator: draws shifts and squares; on the CPU, so that every device gets the same images.

    >>> image = torch.tensor([1, 2, 3], dtype=torch.uint8).view(1, 1, 3, 1)
    >>> options = {"translate": 0, "cutout": 0, "fill": image[0, 0, 0], "generator": torch.Generator()}
    >>> augment(image, torch.tensor([True]), **options).flatten().tolist()
    [3, 2, 1]
    """
    batch, height, width, channels = images.shape
    device = images.device
    rows = torch.arange(height, device=device).expand(batch, height)
    columns = torch.arange(width, device=device).expand(batch, width)
    if translate:
        shift = torch.randint(-translate, translate + 1, (2, batch, 1), generator=generator).to(device)
        rows, columns = _reflect(rows + shift[0], height), _reflect(columns + shift[1], width)
    columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    # one gather of whole pixels does both: index_select is many times faster than indexing by three tensors
    first = torch.arange(batch, device=device)[:, None, None] * height
    pixels = (first + rows[:, :, None]) * width + columns[:, None, :]
    moved = images.reshape(-1, channels).index_select(0, pixels.flatten()).view(images.shape)
    if cutout:
        top = torch.randint(0, height, (batch, 1), generator=generator).to(device) - cutout // 2
        left = torch.randint(0, width, (batch, 1), generator=generator).to(device) - cutout // 2
        y, x = torch.arange(height, device=device), torch.arange(width, device=device)
        inside = ((y >= top) & (y < top + cutout))[:, :, None] & ((x >= left) & (x < left + cutout))[
            :, None, :
        ]
        moved = torch.where(inside[..., None], fill, moved)
    return moved


def _reflect(index: Tensor, size: int) -> Tensor:
    """Fold indices beyond an edge back into 0 to size - 1; the edge itself is not repeated.

    >>> _reflect(torch.arange(-2, 6), 4).tolist()
    [2, 1, 0, 1, 2, 3, 2, 1]
    """
    if size == 1:
        return torch.zeros_like(index)
    period = 2 * (size - 1)
    index = index.remainder(period)
    return torch.minimum(index, period - index)
