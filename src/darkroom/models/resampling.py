"""Resampling inside a net: members of an ensemble see the same image at sizes of their own."""

import torch
from torch import Tensor, nn

CUBIC = -0.5  # the parameter of the bicubic filter, as in Pillow, by which images are resized


class Resample(nn.Module):
    """Resize images float [B,C,H,W] to [B,C,height,width], bicubic and antialiased.

    Rows and columns are multiplied by a matrix each, which every runtime computes alike.

    Args:
        before: height and width of the images, in pixels.
        after: height and width of what is returned, in pixels.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, before: tuple[int, int], after: tuple[int, int]) -> None:
        super().__init__()
        self.before, self.after = before, after
        rows, columns = (resampling_matrix(size, to).float() for size, to in zip(before, after, strict=True))
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Images float [B,C,H,W] to float [B,C,height,width]."""
        return self.rows @ images @ self.columns.T

    def extra_repr(self) -> str:
        """Return both sizes, for people and for what is kept by them."""
        return f"{self.before} to {self.after}"


def resampling_matrix(before: int, after: int) -> Tensor:
    """Return the matrix float64 [after,before] that resizes an edge of `before` pixels to `after`.

    The filter is Keys' cubic convolution (1981), widened by the factor by which the edge shrinks, as Pillow
    does it; pixels outside the image have no part.

    >>> resampling_matrix(2, 2).abs().tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    >>> resampling_matrix(4, 2).sum(1).tolist()
    [1.0, 1.0]
    """
    ratio = before / after
    scale = max(1.0, ratio)
    centres = (torch.arange(after, dtype=torch.float64) + 0.5) * ratio
    places = torch.arange(before, dtype=torch.float64) + 0.5
    away = ((places - centres[:, None]) / scale).abs()
    near = ((CUBIC + 2) * away - (CUBIC + 3)) * away.square() + 1
    far = (((away - 5) * away + 8) * away - 4) * CUBIC
    weights = torch.where(away < 1, near, torch.where(away < 2, far, 0.0))
    return weights / weights.sum(1, keepdim=True)
