"""The section `model` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from darkroom.config.base import Section

LabelStructure = Literal[
    "none",
    "co_occurrence",
    "crf",
    "dependency_network",
    "chain",
    "chain_ensemble",
    "label_sets",
    "rakel",
    "matrix_completion",
]


class Model(Section):
    """The architecture and how it predicts.

    Attributes:
        backbone: none trains from scratch; otherwise a pretrained net, a key of
            `darkroom.models.backbones.BACKBONES`, which gets a linear layer.
        tune_backbone: what of the backbone is trained on after the linear layer was fitted: nothing (none),
            its last parts, or all.
        ensemble: further members that are tried beside the linear layer on the backbone: of a number a linear
            layer on images whose shorter side is resized to so many pixels; of `scratch` a net of
            `architecture`, without the backbone. A fine-tuned net is one too.
        weights: of the backbone: `pretrained`, or a .safetensors or .pth file.
        head: what is on the backbone: a linear layer on its means, or for several labels a key of
            `darkroom.models.heads.HEADS`, on its last maps, or of
            `darkroom.training.label_heads.LABEL_HEADS`, a linear layer whose labels are embedded, or of
            `darkroom.models.feature_heads.FEATURE_HEADS`, on the same features but no linear layer.
        label_vectors: of the head devise: a file with a vector for each label; empty for vectors of the
            labels' co-occurrence.
        structure: of several labels, what turns independent scores into joint ones: none, or a key of
            `darkroom.models.structures.STRUCTURES`.
        architecture: a key of `darkroom.models.networks.NETWORKS`.
        widths: channels of each block of convolutions, first to last (fast, classic); two neighbours of 8,192
            are 2.4 GB of weights.
        convolutions: in each block; 3 adds a shortcut too (fast).
        whitening: the first layer is computed from the training images and stays; false learns it (fast).
        dirac: convolutions start as identities (fast).
        activation: the activation function (fast).
        dropout: share of features dropped before the last layer.
        hidden: units of the fully connected layer (classic).
        views: of each image at prediction: 1 as it is, 2 mirrored too, 6 shifted by a pixel too.
    """

    backbone: Literal["none", "efficientnet_lite0"]
    tune_backbone: Literal["none", "last", "all"]
    ensemble: Annotated[
        tuple[Annotated[int, Field(ge=32, le=2048)] | Literal["scratch"], ...], Field(max_length=8)
    ]
    weights: Annotated[str, Field(min_length=1)]
    head: Literal[
        "linear",
        "ml_decoder",
        "query2label",
        "cnn_rnn",
        "cnn_rnn_frequency",
        "spatial",
        "hypotheses",
        "gcn",
        "wsabie",
        "devise",
        "cca",
        "principal_labels",
        "bloom",
        "sleec",
        "kernel_cca",
        "metric",
    ]
    label_vectors: str
    structure: LabelStructure
    architecture: Literal["fast", "classic", "resnet18"]
    widths: Annotated[tuple[Annotated[int, Field(ge=1, le=8192)], ...], Field(min_length=1, max_length=64)]
    convolutions: Literal[2, 3]
    whitening: bool
    dirac: bool
    activation: Literal["gelu", "hardswish"]
    dropout: Annotated[float, Field(ge=0, le=0.9)]
    hidden: Annotated[int, Field(ge=1, le=65_536)]
    views: Literal[1, 2, 6]
