"""The classifier: a net with its preprocessing and postprocessing, from uint8 images to probabilities."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from darkroom.files import read_json
from darkroom.models import ensemble
from darkroom.models.backbones import net as backbone_net
from darkroom.models.feature_heads import FEATURE_HEADS
from darkroom.models.feature_heads import net as features_net
from darkroom.models.heads import net as heads_net
from darkroom.models.networks import build_net
from darkroom.models.networks.net import Net
from darkroom.models.one_view import OneView
from darkroom.models.structures.fitting import from_json
from darkroom.models.structures.structure import Structure


class Classifier(nn.Module):
    """A net with standardisation before it and, at prediction, an average over views and softmax after it.

    Attributes:
        net: standardised images float [B,C,H,W] to logits [B,classes].
        views: of each image at prediction: 1 as it is, 2 mirrored too, 6 shifted by a pixel too.
        mean: of each channel of the training images on a scale of 0 to 1, [1,C,1,1].
        std: their standard deviation, of the same shape.
        temperature: divides the logits before the softmax (Guo et al. 2017, arXiv:1706.04599); 1 in training.
        several: whether an image may have several of the classes: then there is a sigmoid for each in place
            of the softmax.
        slope: of several labels, multiplies the logit of each before the sigmoid, [classes]; 1 in training.
        offset: of several labels, is added then, [classes]; 0 in training.
        structure: of several labels, turns their calibrated logits into joint probabilities; None in
            training, and where `model.structure` is none.
        one_view: when one view of an image is enough; None: all views are computed of every image.

    Raises ValueError for another number of views.
    """

    mean: Tensor
    std: Tensor
    temperature: float = 1.0
    one_view: OneView | None = None

    slope: Tensor
    offset: Tensor
    structure: Structure | None

    def __init__(
        self,
        net: Net,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        views: int,
        several: bool = False,
    ) -> None:
        super().__init__()
        if views not in (1, 2, 6):
            raise ValueError(f"views is {views}: 1 (as it is), 2 (mirrored too) or 6 (shifted too)")
        self.net = net
        self.views = views
        self.several = several
        self.register_module("structure", None)
        if several:
            classes = net.outputs()
            self.register_buffer("slope", torch.ones(classes), persistent=False)
            self.register_buffer("offset", torch.zeros(classes), persistent=False)
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def standardise(self, images: Tensor) -> Tensor:
        """Images uint8 [B,H,W,C] to float32 [B,C,H,W], of mean 0 and deviation 1 over the training images."""
        # the permuted view of NHWC is torch's channels-last layout, in which convolutions are fastest
        return (images.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.std

    def logits(self, images: Tensor) -> Tensor:
        """Images uint8 [B,H,W,C] to logits [B,classes], averaged over the views.

        Where `one_view` is set, they are of one view for the images of which that is enough.
        """
        x = self.standardise(images)
        if self.one_view is None:
            return self.average(x)
        return self.one_view.logits(x, one=self.net, every=self.average, temperature=self.temperature)

    def average(self, x: Tensor) -> Tensor:
        """Standardised images float [B,C,H,W] to logits [B,classes], averaged over all views.

        Six views are the published test-time augmentation of airbench94: both mirrorings of the
        image (half of the weight) and of its shifts by one pixel along the diagonal.
        """
        views = [x]
        if self.views == 6:
            height, width = x.shape[2:]
            padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
            views += [padded[:, :, :height, :width], padded[:, :, 2:, 2:]]
        if self.views > 1:
            views = [mirrored for view in views for mirrored in (view, view.flip(3))]
        # One run of the net on all views: a CPU computes a batch of six in less time than six single images.
        logits: Tensor = self.net(torch.cat(views)) if len(views) > 1 else self.net(x)
        each = logits.reshape(self.views, -1, logits.shape[1])
        mean: Tensor = each.mean(0) if self.views < 6 else (each[:2].mean(0) + each[2:].mean(0)) / 2
        return mean

    def forward(self, images: Tensor) -> Tensor:
        """Images uint8 [B,H,W,C] to probabilities float32 [B,classes]: the graph that is served."""
        return self.probabilities(self.logits(images).float())

    def probabilities(self, logits: Tensor) -> Tensor:
        """Logits float32 [B,classes] to calibrated probabilities float32 [B,classes]."""
        if not self.several:
            return F.softmax(logits / self.temperature, dim=1)
        calibrated = logits * self.slope + self.offset
        if self.structure is None:
            return torch.sigmoid(calibrated)
        joint: Tensor = self.structure(calibrated)
        return joint

    def calibrate(self, calibration: Mapping[str, Any]) -> None:
        """Take what models/calibration.json states.

        That is the temperature, and when one view is enough; of several labels slope and offset of each,
        and the structure if there is one.
        """
        if self.several:
            self.slope = torch.tensor(calibration["slope"], dtype=torch.float32)
            self.offset = torch.tensor(calibration["offset"], dtype=torch.float32)
            self.structure = from_json(calibration["structure"]) if "structure" in calibration else None
        else:
            self.temperature = float(calibration["temperature"])
            self.one_view = OneView.stated_in(calibration)


def parts_of(classifier: Classifier) -> tuple[Classifier, Classifier]:
    """Return a classifier by all views and one by one view, which share the net of `classifier`.

    Raises ValueError where `classifier` computes all views of every image.
    """
    if classifier.one_view is None:
        raise ValueError("all views of every image are computed: there is no classifier by one view")
    parts = []
    for views, temperature in (
        (classifier.views, classifier.temperature),
        (1, classifier.one_view.temperature),
    ):
        mean, std = (buffer.flatten().tolist() for buffer in (classifier.mean, classifier.std))
        part = Classifier(classifier.net, mean=mean, std=std, views=views)
        part.temperature = temperature
        parts.append(part.train(classifier.training))
    return parts[0], parts[1]


def build_classifier(config: Mapping[str, Any]) -> Classifier:
    """Build the classifier that `config` (models/model_config.json) describes, with fresh weights.

    They depend on torch's global seed. With a `backbone` the net is a `BackboneNet`, whose trunk has fresh
    weights too; with an `ensemble` it is an `EnsembleNet`. Raises ValueError for an unknown architecture,
    backbone or head.
    """
    net: Net
    if "ensemble" in config:
        net = ensemble.build(config)
    elif "head" in config:
        of_features = config["head"] in FEATURE_HEADS
        net = features_net.build(config) if of_features else heads_net.build(config)
    else:
        net = backbone_net.build(config) if "backbone" in config else build_net(config)
    several = config.get("labels") == "several"
    return Classifier(net, mean=config["mean"], std=config["std"], views=config["views"], several=several)


def load_classifier(weights: Path, config: Path, calibration: Path | None = None) -> Classifier:
    """Load a trained classifier in evaluation mode, on the CPU, with what `calibration` states.

    Without `calibration` the temperature is 1 (of several labels each slope 1 and each offset 0). Raises
    FileNotFoundError that names the stage to run.
    """
    for path, stage in ((weights, "train"), (config, "train"), (calibration, "calibrate")):
        if path is not None and not path.is_file():
            raise FileNotFoundError(f"{path} is missing: run `dvc repro {stage}` first")
    classifier = build_classifier(read_json(config))
    classifier.load_state_dict(load_file(weights))
    if calibration is not None:
        classifier.calibrate(read_json(calibration))
    return classifier.eval()
