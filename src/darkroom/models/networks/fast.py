"""The fast net, after airbench94 and airbench96."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.models.networks.layers import BatchNorm, Dropout
from darkroom.models.networks.net import LastMaps, Net

WHITENING_KERNEL = 2
WHITENING_IMAGES = 5000
WHITENING_EPSILON = 5e-4
# Hard swish (Howard et al. 2019, arXiv:1905.02244) of 1.702 x is nearly 1.702 times GELU of x, whose usual
# approximation is x sigmoid(1.702 x) (Hendrycks & Gimpel 2016, arXiv:1606.08415). Batch norm multiplies its
# input by that factor, and the batch norm of the next layer removes it.
ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], float]] = {
    "gelu": (F.gelu, 1.0),
    "hardswish": (F.hardswish, 1.702),
}


class ConvolutionBlock(nn.Module):
    """Two or three 3x3 convolutions with batch norm and activation, a max-pool after the first.

    The third, with a shortcut around it and the second, is airbench96's (Jordan 2024, arXiv:2404.00498).
    """

    def __init__(
        self, channels_in: int, channels_out: int, *, convolutions: int, dirac: bool, activation: str
    ) -> None:
        super().__init__()
        self.activation, scale = ACTIVATIONS[activation]
        self.conv1 = _convolution(channels_in, channels_out, dirac=dirac)
        self.norm1 = _batch_norm(channels_out, scale)
        self.conv2 = _convolution(channels_out, channels_out, dirac=dirac)
        self.norm2 = _batch_norm(channels_out, scale)
        self.deep = convolutions == 3
        if self.deep:
            self.conv3 = _convolution(channels_out, channels_out, dirac=dirac)
            self.norm3 = _batch_norm(channels_out, scale)

    def forward(self, x: Tensor) -> Tensor:
        """[B,channels_in,H,W] to [B,channels_out,H/2,W/2]; a map one pixel wide is not pooled."""
        x = self.conv1(x)
        if min(x.shape[2:]) >= 2:
            x = F.max_pool2d(x, 2)
        shortcut = x = self.activation(self.norm1(x))
        x = self.activation(self.norm2(self.conv2(x)))
        if self.deep:
            x = self.activation(self.norm3(self.conv3(x)) + shortcut)
        return x


class FastNet(Net):
    """The net of airbench94 (Jordan 2024, arXiv:2404.00498): whitening stem, blocks, one linear layer.

    With `whitening`, `prepare` must be called with training images before the first step; without, the stem
    is learned. With `dirac` the convolutions start as identities (Zagoruyko & Komodakis 2017,
    arXiv:1706.00388). `convolutions` is 2 or 3 in each block, `activation` one of ACTIVATIONS.
    """

    def __init__(
        self,
        *,
        channels: int,
        classes: int,
        widths: Sequence[int],
        dropout: float,
        convolutions: int,
        whitening: bool,
        dirac: bool,
        activation: str,
    ) -> None:
        super().__init__()
        self.activation, self.scale = ACTIVATIONS[activation]
        self.prepared_from = WHITENING_IMAGES if whitening else 0
        filters = 2 * channels * WHITENING_KERNEL**2
        self.whitening = nn.Conv2d(channels, filters, WHITENING_KERNEL)
        self.whitening.weight.requires_grad_(not whitening)
        nn.init.zeros_(self.whitening.bias)  # type: ignore[arg-type]  # it has a bias
        self.blocks = nn.Sequential(
            *[
                ConvolutionBlock(a, b, convolutions=convolutions, dirac=dirac, activation=activation)
                for a, b in zip([filters, *widths[:-1]], widths, strict=True)
            ]
        )
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(widths[-1], classes, bias=False)
        with torch.no_grad():
            self.head.weight.div_(self.head.weight.std())

    @torch.no_grad()
    def prepare(self, images: Tensor) -> None:
        """Set the stem to the eigenvectors of the 2x2 patches of float [N,C,H,W], and their negatives."""
        size, channels = WHITENING_KERNEL, images.shape[1]
        patches = images.float().unfold(2, size, 1).unfold(3, size, 1).permute(0, 2, 3, 1, 4, 5)
        flat = patches.reshape(-1, channels * size * size)
        values, vectors = torch.linalg.eigh(flat.T @ flat / len(flat))
        filters = vectors.T.reshape(-1, channels, size, size) / (values + WHITENING_EPSILON).sqrt().view(
            -1, 1, 1, 1
        )
        self.whitening.weight.copy_(torch.cat([filters, -filters]) * self.scale)

    def forward(self, x: Tensor) -> Tensor:
        """Standardised images float [B,C,H,W] to logits [B,classes]; any H and W of at least 2."""
        x = self.blocks(self.activation(self.whitening(x)))
        x = F.max_pool2d(x, x.shape[2:]).flatten(1)
        logits: Tensor = self.head(self.dropout(x)) / self.head.in_features
        return logits

    def last_layer(self) -> nn.Linear:
        """Return the linear layer after the pooling."""
        return self.head

    def first_layers(self) -> Sequence[nn.Module]:
        """Return the stem and the first block, which see the widest maps."""
        return self.whitening, self.blocks[0]

    def last_maps(self, height: int, width: int) -> LastMaps:
        """Describe what the last block returns; a channel's largest value is pooled."""
        height, width = height - 1, width - 1  # the stem's kernel is two pixels wide, and nothing is padded
        first, stride = 1.0, 1
        for _ in self.blocks:
            if min(height, width) >= 2:  # else a block does not pool
                height, width, first, stride = height // 2, width // 2, first + stride / 2, 2 * stride
        rows, columns = ([first + stride * i for i in range(size)] for size in (height, width))
        weight = self.head.weight.detach() / self.head.in_features
        return LastMaps("blocks", weight, takes_maximum=True, rows=rows, columns=columns)


def _convolution(channels_in: int, channels_out: int, *, dirac: bool) -> nn.Conv2d:
    """Return a 3x3 convolution; with `dirac` its filters start as identities of the input channels."""
    convolution = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
    if dirac:
        with torch.no_grad():
            nn.init.dirac_(convolution.weight[:channels_in])
    return convolution


def _batch_norm(channels: int, scale: float) -> BatchNorm:
    # statistics with a short memory, for few epochs; the scale is fixed to that of the activation
    norm = BatchNorm(channels, eps=1e-12, momentum=0.4)
    norm.weight.requires_grad_(False).fill_(scale)
    return norm


def build(config: Mapping[str, Any]) -> FastNet:
    """Build the net that `config` (models/model_config.json) describes."""
    keys = ("channels", "widths", "dropout", "convolutions", "whitening", "dirac", "activation")
    return FastNet(classes=len(config["classes"]), **{key: config[key] for key in keys})
