"""The section `train` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from darkroom.config.base import Count, Positive, Section, Share


class Train(Section):
    """The optimisation and where it runs."""

    epochs: Positive
    batch_size: Positive
    optimizer: Literal["muon", "sgd", "adam", "rmsprop"]
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    warmup: Share
    loss: Literal["cross_entropy"]
    label_smoothing: Share
    stem_until: Annotated[float, Field(gt=0, le=1)]
    first_block_until: Annotated[float, Field(gt=0, le=1)]
    low_resolutions: tuple[Positive, ...]
    hardest_share: Annotated[float, Field(gt=0, le=1)]
    average: Literal["none", "ema", "lookahead"]
    average_memory: Annotated[float, Field(gt=0)]
    use_validation: bool
    patience: Positive
    images: Count
    precision: Literal["auto", "bf16", "fp32"]
    device: Literal["auto", "cuda", "mps", "cpu"]
    threads: Count
    compile: Literal["auto", "always", "never"]
    processes: Positive
