"""The networks, and the classifier around them that takes pictures as they are."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from darkroom.files import read_json
from darkroom.models import processes

WHITENING_KERNEL = 2
WHITENING_PICTURES = 5000
WHITENING_EPSILON = 5e-4
# Hard swish (Howard et al. 2019, arXiv:1905.02244) of 1.702 x is nearly 1.702 times GELU of x, whose usual
# approximation is x sigmoid(1.702 x) (Hendrycks & Gimpel 2016, arXiv:1606.08415). Batch norm scales its
# input, and takes the factor out again in the next layer.
ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], float]] = {
    "gelu": (F.gelu, 1.0),
    "hardswish": (F.hardswish, 1.702),
}


class BatchNorm(nn.BatchNorm2d):
    """Batch norm over the whole batch, also where processes have a share of it each.

    torch's SyncBatchNorm does the same on GPUs alone.
    """

    def forward(self, x: Tensor) -> Tensor:
        """[B,C,H,W] to the same shape."""
        if not self.training or processes.count() == 1:
            return super().forward(x)
        wide = x.float()
        here = torch.tensor(float(x.numel() // x.shape[1]), device=x.device)
        count = processes.added_up(here)
        mean = processes.added_up(wide.sum((0, 2, 3))) / count
        centred = wide - mean.view(1, -1, 1, 1)
        variance = processes.added_up(centred.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            assert self.running_mean is not None
            assert self.running_var is not None
            assert self.momentum is not None
            assert self.num_batches_tracked is not None
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
            self.num_batches_tracked += 1
        scale = (variance + self.eps).rsqrt() * self.weight
        return (centred * scale.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)).to(x.dtype)


class Dropout(nn.Dropout):
    """Dropout of [B,F] whose mask is drawn for the whole batch, whoever has a share of it."""

    def forward(self, x: Tensor) -> Tensor:
        """[B,F] to the same shape."""
        if not self.training or not self.p or processes.count() == 1:
            return super().forward(x)
        size = torch.tensor(len(x), device=x.device)
        processes.add_up(size)
        ones = torch.ones(int(size), *x.shape[1:], device=x.device, dtype=x.dtype)
        return x * processes.share(super().forward(ones))


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


class FastNet(nn.Module):
    """The net of airbench94 (Jordan 2024, arXiv:2404.00498): whitening stem, blocks, one linear layer.

    With `whitening`, `whiten` must see training pictures before the first step; without, the stem is
    learned. With `dirac` the convolutions begin as identities (Zagoruyko & Komodakis 2017,
    arXiv:1706.00388). `convolutions` is 2 or 3 a block, `activation` one of ACTIVATIONS.
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
        filters = 2 * channels * WHITENING_KERNEL**2
        self.whitening = nn.Conv2d(channels, filters, WHITENING_KERNEL)
        self.whitening.weight.requires_grad_(not whitening)
        nn.init.zeros_(self.whitening.bias)  # type: ignore[arg-type]  # it has one
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
    def whiten(self, x: Tensor) -> None:
        """Set the stem to the eigenvectors of the 2x2 patches of float [N,C,H,W], and their negatives."""
        size, channels = WHITENING_KERNEL, x.shape[1]
        patches = x.float().unfold(2, size, 1).unfold(3, size, 1).permute(0, 2, 3, 1, 4, 5)
        flat = patches.reshape(-1, channels * size * size)
        values, vectors = torch.linalg.eigh(flat.T @ flat / len(flat))
        filters = vectors.T.reshape(-1, channels, size, size) / (values + WHITENING_EPSILON).sqrt().view(
            -1, 1, 1, 1
        )
        self.whitening.weight.copy_(torch.cat([filters, -filters]) * self.scale)

    def forward(self, x: Tensor) -> Tensor:
        """Standardised pictures float [B,C,H,W] to logits [B,classes]; any H and W of at least 2."""
        x = self.blocks(self.activation(self.whitening(x)))
        x = F.max_pool2d(x, x.shape[2:]).flatten(1)
        logits: Tensor = self.head(self.dropout(x)) / self.head.in_features
        return logits


class ClassicNet(nn.Module):
    """The textbook CNN: convolutions with ReLU and max-pooling, then fully connected layers with dropout."""

    def __init__(
        self,
        *,
        channels: int,
        classes: int,
        widths: Sequence[int],
        dropout: float,
        hidden: int,
        height: int,
        width: int,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for channels_in, channels_out in zip([channels, *widths[:-1]], widths, strict=True):
            layers += [nn.Conv2d(channels_in, channels_out, 3, padding=1), nn.ReLU()]
            layers += [nn.Conv2d(channels_out, channels_out, 3, padding=1), nn.ReLU()]
            if min(height, width) >= 2:
                layers += [nn.MaxPool2d(2)]
                height, width = height // 2, width // 2
        self.features = nn.Sequential(*layers)
        self.grid = (height, width)
        self.hidden = nn.Linear(widths[-1] * height * width, hidden)
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Standardised pictures float [B,C,H,W] to logits [B,classes]."""
        x = self.features(x)
        if tuple(x.shape[2:]) != self.grid:  # the low-resolution epochs; the layers behind want one size
            x = F.adaptive_avg_pool2d(x, self.grid)
        x = self.dropout(F.relu(self.hidden(x.flatten(1))))
        logits: Tensor = self.head(x)
        return logits


def resnet18(*, channels: int, classes: int, dropout: float) -> nn.Module:
    """Build torchvision's ResNet-18 (He et al. 2015, arXiv:1512.03385) for small pictures.

    Its stem is the paper's for CIFAR: a 3x3 convolution of stride 1 and no pooling.
    """
    from torchvision.models import resnet  # takes seconds to import, and only this net needs it

    net: nn.Module = resnet.resnet18(num_classes=classes, norm_layer=BatchNorm)
    net.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
    net.maxpool = nn.Identity()
    net.fc = nn.Sequential(Dropout(dropout), net.get_submodule("fc"))
    return net


def build_net(config: Mapping[str, Any]) -> nn.Module:
    """Build the net that models/model_config.json describes, its weights by torch's global seed.

    It takes standardised pictures float [B,C,H,W] and returns logits [B,classes].
    """
    architecture, classes = config["architecture"], len(config["classes"])
    keys: tuple[str, ...]
    if architecture == "fast":
        keys = ("channels", "widths", "dropout", "convolutions", "whitening", "dirac", "activation")
        return FastNet(classes=classes, **{key: config[key] for key in keys})
    if architecture == "classic":
        keys = ("channels", "widths", "dropout", "hidden", "height", "width")
        return ClassicNet(classes=classes, **{key: config[key] for key in keys})
    if architecture == "resnet18":
        return resnet18(channels=config["channels"], classes=classes, dropout=config["dropout"])
    raise ValueError(f"architecture {architecture!r} is unknown: fast, classic or resnet18")


class Classifier(nn.Module):
    """A net with what surrounds it at prediction: standardisation before, views and softmax around.

    `temperature` divides the logits before the softmax; training leaves it at 1.
    """

    mean: Tensor
    std: Tensor
    temperature: float = 1.0

    def __init__(self, net: nn.Module, *, mean: Sequence[float], std: Sequence[float], views: int) -> None:
        super().__init__()
        if views not in (1, 2, 6):
            raise ValueError(f"views is {views}: 1 (as it is), 2 (and mirrored) or 6 (and shifted)")
        self.net = net
        self.views = views
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def standardise(self, pictures: Tensor) -> Tensor:
        """uint8 [B,H,W,C] to float32 [B,C,H,W], mean 0 and deviation 1 over the training pictures."""
        # the permuted view of NHWC is what torch calls channels-last, the layout convolutions like
        return (pictures.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.std

    def logits(self, pictures: Tensor) -> Tensor:
        """Logits [B,classes] of uint8 [B,H,W,C], averaged over the views.

        Six views are the published test-time augmentation of airbench94: both mirrorings of the
        picture (half of the weight) and of its shifts by one pixel along the diagonal.
        """
        x = self.standardise(pictures)
        views = [x]
        if self.views == 6:
            height, width = x.shape[2:]
            padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
            views += [padded[:, :, :height, :width], padded[:, :, 2:, 2:]]
        if self.views > 1:
            views = [mirrored for view in views for mirrored in (view, view.flip(3))]
        # One run of the net on all views: a single picture is a batch of six, which a CPU does in less
        # time than six pictures in turn.
        logits: Tensor = self.net(torch.cat(views)) if len(views) > 1 else self.net(x)
        each = logits.reshape(self.views, -1, logits.shape[1])
        mean: Tensor = each.mean(0) if self.views < 6 else (each[:2].mean(0) + each[2:].mean(0)) / 2
        return mean

    def forward(self, pictures: Tensor) -> Tensor:
        """Probabilities float32 [B,classes] of uint8 [B,H,W,C]: the graph that is served."""
        return F.softmax(self.logits(pictures).float() / self.temperature, dim=1)


def _convolution(channels_in: int, channels_out: int, *, dirac: bool) -> nn.Conv2d:
    """Return a 3x3 convolution; `dirac`: it starts by passing its input on, as far as it has filters."""
    convolution = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
    if dirac:
        with torch.no_grad():
            nn.init.dirac_(convolution.weight[:channels_in])
    return convolution


def _batch_norm(channels: int, scale: float) -> BatchNorm:
    # quick running statistics, for few epochs; the scale is the activation's, the rest the next layer's
    norm = BatchNorm(channels, eps=1e-12, momentum=0.4)
    norm.weight.requires_grad_(False).fill_(scale)
    return norm


def build_classifier(config: Mapping[str, Any]) -> Classifier:
    """Build the classifier that models/model_config.json describes, its weights by torch's global seed."""
    return Classifier(build_net(config), mean=config["mean"], std=config["std"], views=config["views"])


def load_classifier(weights: Path, config: Path, calibration: Path | None = None) -> Classifier:
    """Load a trained classifier, in evaluation mode, on the CPU, with the temperature in `calibration`.

    Without that file the temperature is 1.

    Raises FileNotFoundError that names the stage to run.
    """
    for path, stage in ((weights, "train"), (config, "train"), (calibration, "calibrate")):
        if path is not None and not path.is_file():
            raise FileNotFoundError(f"{path} is missing: run `dvc repro {stage}` first")
    classifier = build_classifier(read_json(config))
    classifier.load_state_dict(load_file(weights))
    if calibration is not None:
        classifier.temperature = float(read_json(calibration)["temperature"])
    return classifier.eval()
