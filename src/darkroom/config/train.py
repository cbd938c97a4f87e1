"""The section `train` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from darkroom.config.base import MOST, MOST_CORES, Count, Epochs, Positive, Section, Share

# the figure of the validation images by which epochs and trials are compared
BestBy = Literal["accuracy", "balanced_accuracy", "average_precision"]
# the losses of images with several labels: keys of `darkroom.training.losses.multilabel.LOSSES`
LabelLoss = Literal[
    "binary_cross_entropy",
    "binary_focal",
    "asymmetric",
    "pairwise_hinge",
    "lsep",
    "warp",
    "softmax_set",
]


class Train(Section):
    """The optimisation and where it runs.

    Attributes:
        epochs: at most.
        minutes: of the stage train at most, with model.tune_backbone: what of the backbone is trained and for
            how many epochs is planned from measured step times; 0 is no bound.
        batch_size: images a step.
        optimizer: a key of `darkroom.training.optimizers.OPTIMIZERS`.
        learning_rate: at its peak.
        weight_decay: share of a weight removed per image seen, at the peak rate.
        warmup: share of the steps in which the learning rate rises; then it falls linearly to 0.
        loss: a key of `darkroom.training.losses.LOSSES`; with data.labels several, one of
            `darkroom.training.losses.multilabel.LOSSES`.
        label_smoothing: probability taken from the true class and spread over all (cross_entropy); from
            either answer, and spread over both (binary_cross_entropy).
        unknown_labels: of training images of several labels: ignore, they are in no loss; complete, they are
            filled in by low-rank matrix completion.
        class_weights: of the images of each class in the loss: none; balanced, inverse to how many there are;
            effective, inverse to their effective number, which is milder (Cui et al. 2019).
        logit_adjustment: times the logarithm of a class's share is added to its logit in training (Menon et
            al. 2021): 1 trains for classes equally frequent; 0 is off.
        sampling: of the images of an epoch: all, or balanced: the same number of every class, those of rare
            classes several times.
        stem_until: share of training after which the biases of a whitening stem stop learning (muon, fast).
        first_block_until: share of training after which the stem and the first block stop learning (fast).
        low_resolutions: side in pixels of the images in each of the first epochs.
        hardest_share: share of the training images, those of the largest last loss, that an epoch of full
            size sees.
        average: of the weights over the steps; `ema` is validated and kept.
        average_memory: memory of `ema`, in epochs.
        use_validation: train on the validation images too, for a final fit: all epochs run, the last is kept.
        best_by: the figure of the validation images by which the best epoch and the best trial are found:
            accuracy, or balanced_accuracy, which is the mean of the classes' recalls; with data.labels
            several average_precision, the mean of the labels'.
        patience: epochs without a better one before training stops.
        images: use this many training images only; 0 is all.
        precision: of convolutions and matrix products; `auto` is bf16 where the machine computes in it.
        device: `auto` takes the first of cuda, mps and cpu that is there.
        threads: of the CPU, for each process; 0 shares the cores out.
        compile: whether torch.compile compiles the net; `auto` does on cuda.
        processes: on this machine, each with a share of every batch (data-parallel, by torchrun).
    """

    epochs: Epochs
    minutes: Annotated[float, Field(ge=0, le=MOST)]
    batch_size: Positive
    optimizer: Literal["muon", "sgd", "adam", "rmsprop"]
    learning_rate: Annotated[float, Field(ge=1e-12, le=1000)]
    weight_decay: Share
    warmup: Share
    loss: Literal["cross_entropy"] | LabelLoss
    label_smoothing: Share
    unknown_labels: Literal["ignore", "complete"]
    class_weights: Literal["none", "balanced", "effective"]
    logit_adjustment: Annotated[float, Field(ge=0, le=10)]
    sampling: Literal["all", "balanced"]
    stem_until: Annotated[float, Field(gt=0, le=1)]
    first_block_until: Annotated[float, Field(gt=0, le=1)]
    low_resolutions: tuple[Positive, ...]
    hardest_share: Annotated[float, Field(gt=0, le=1)]
    average: Literal["none", "ema", "lookahead"]
    average_memory: Annotated[float, Field(ge=1e-6, le=1e6)]
    use_validation: bool
    best_by: BestBy
    patience: Positive
    images: Count
    precision: Literal["auto", "bf16", "fp32"]
    device: Literal["auto", "cuda", "mps", "cpu"]
    threads: Annotated[int, Field(ge=0, le=MOST_CORES)]
    compile: Literal["auto", "always", "never"]
    processes: Annotated[int, Field(ge=1, le=MOST_CORES)]
