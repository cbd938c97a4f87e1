"""The parameters: params.yaml as a frozen, typed tree; what it does not know it refuses."""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator

Share = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Scalar = int | float | str | bool


class ParamsError(ValueError):
    """The parameters cannot be used; the message says which, the value seen and what to do."""


class _Tree(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Data(_Tree):
    """Which data set, and how much of its training part validates."""

    name: Literal["cifar10", "digits"]
    validation_fraction: Annotated[float, Field(gt=0, lt=1)]


class Model(_Tree):
    """The architecture and how it predicts."""

    architecture: Literal["fast", "classic", "resnet18"]
    widths: Annotated[tuple[Positive, ...], Field(min_length=1)]
    convolutions: Literal[2, 3]
    whitening: bool
    dirac: bool
    activation: Literal["gelu", "hardswish"]
    dropout: Annotated[float, Field(ge=0, le=0.9)]
    hidden: Positive
    views: Literal[1, 2, 6]


class Augment(_Tree):
    """What is done to training pictures, in pixels."""

    flip: Literal["none", "random", "alternating"]
    translate: Count
    cutout: Count


class Train(_Tree):
    """The optimisation and where it runs."""

    epochs: Positive
    batch_size: Positive
    optimizer: Literal["muon", "sgd", "adam", "rmsprop"]
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    warmup: Share
    label_smoothing: Share
    stem_until: Annotated[float, Field(gt=0, le=1)]
    first_block_until: Annotated[float, Field(gt=0, le=1)]
    low_resolutions: tuple[Positive, ...]
    hardest_share: Annotated[float, Field(gt=0, le=1)]
    average: Literal["none", "ema", "lookahead"]
    average_memory: Annotated[float, Field(gt=0)]
    use_validation: bool
    patience: Positive
    pictures: Count
    precision: Literal["auto", "bf16", "fp32"]
    device: Literal["auto", "cuda", "mps", "cpu"]
    threads: Count
    compile: Literal["auto", "always", "never"]
    processes: Positive


class Range(_Tree):
    """A range of the search space; whole numbers when both ends are."""

    low: int | float
    high: int | float
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> "Range":
        if self.low > self.high:
            raise ValueError(f"low ({self.low}) is above high ({self.high})")
        if self.log and self.low <= 0:
            raise ValueError(f"a log range starts above 0, not at {self.low}")
        return self


class Choices(_Tree):
    """A list of values of the search space."""

    choices: Annotated[tuple[Scalar, ...], Field(min_length=1)]


def _kind(leaf: Any) -> str:
    # one of the two is meant, so only its errors are told
    listed = isinstance(leaf, Choices) or (isinstance(leaf, Mapping) and "choices" in leaf)
    return "Choices" if listed else "Range"


Leaf = Annotated[Annotated[Range, Tag("Range")] | Annotated[Choices, Tag("Choices")], Discriminator(_kind)]
Space = dict[str, dict[str, Leaf]]


class Tune(_Tree):
    """The hyper-parameter search: its budget and its space."""

    trials: Count
    epochs: Positive
    pictures: Count
    resolution: Count
    startup_trials: Count
    space: Space


class Calibrate(_Tree):
    """What is fitted on the validation pictures after training."""

    sure_accuracy: Annotated[float, Field(gt=0, le=1)]


class Evaluate(_Tree):
    """What evaluation reports besides the usual."""

    top_k: Positive
    mistakes: Count
    resamples: Annotated[int, Field(ge=100)]
    corruption_pictures: Positive
    duplicate_similarity: Annotated[float, Field(gt=0, le=1)]


class Export(_Tree):
    """What the exported graph must keep to."""

    tolerance: Annotated[float, Field(gt=0)]
    precision: Literal["auto", "bf16", "fp32"]
    bf16_same_class: Annotated[float, Field(gt=0, le=1)]
    bf16_difference: Annotated[float, Field(gt=0, le=1)]


class Gate(_Tree):
    """What a challenger must reach to take the champion's place."""

    significance: Annotated[float, Field(gt=0, lt=1)]
    min_accuracy: Annotated[float, Field(ge=0, le=1)]
    min_class_recall: Annotated[float, Field(ge=0, le=1)]
    max_calibration_error: Annotated[float, Field(ge=0, le=1)]
    max_milliseconds: Annotated[float, Field(ge=0)]


class Params(_Tree):
    """The whole of params.yaml."""

    seed: Count
    data: Data
    model: Model
    augment: Augment
    train: Train
    tune: Tune
    calibrate: Calibrate
    evaluate: Evaluate
    export: Export
    gate: Gate

    @model_validator(mode="after")
    def _fits_together(self) -> "Params":
        if self.model.architecture == "classic" and self.train.optimizer == "muon":
            raise ValueError(
                "train.optimizer is muon, which model.architecture classic does not train with: "
                "set train.optimizer=adam and train.learning_rate=0.001"
            )
        if self.model.views > 1 and self.augment.flip == "none":
            raise ValueError(
                f"model.views is {self.model.views}, which mirrors pictures at prediction, but augment.flip "
                "is none: set model.views=1"
            )
        for group, leaves in self.tune.space.items():
            fields = _SEARCHABLE.get(group)
            if fields is None:
                raise ValueError(_unknown(f"tune.space.{group}", group, _SEARCHABLE))
            for name, leaf in leaves.items():
                if name not in fields.model_fields:
                    raise ValueError(_unknown(f"tune.space.{group}.{name}", name, fields.model_fields))
                if f"{group}.{name}" in _TRIAL_BUDGET:
                    raise ValueError(
                        f"tune.space.{group}.{name} cannot be searched: trials take it from tune"
                    )
                for value in leaf.choices if isinstance(leaf, Choices) else (leaf.low, leaf.high):
                    try:
                        fields.model_validate({**getattr(self, group).model_dump(), name: value})
                    except ValidationError as error:
                        message = f"tune.space.{group}.{name} has {value!r}: {error.errors()[0]['msg']}"
                        raise ValueError(message) from error
        return self


_TRIAL_BUDGET = {
    f"train.{name}"
    for name in (
        "epochs",
        "patience",
        "low_resolutions",
        "hardest_share",
        "use_validation",
        "processes",
    )
}
_SEARCHABLE: dict[str, type[_Tree]] = {"model": Model, "augment": Augment, "train": Train}


def load_params(path: Path, tuned: Mapping[str, Any] | None = None) -> Params:
    """Read `path` and lay `tuned`, a tree of the same shape, over it.

    Raises ParamsError naming each key that is unknown, missing or of an impossible value.
    """
    try:
        tree = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ParamsError(f"{path} is not YAML: {error}") from error
    if not isinstance(tree, dict):
        raise ParamsError(
            f"{path} holds {type(tree).__name__}, not the keys {', '.join(Params.model_fields)}"
        )
    return parse_params(merge(tree, tuned or {}), source=str(path))


def parse_params(tree: Mapping[str, Any], *, source: str = "params") -> Params:
    """Check a tree of plain values; raises ParamsError as `load_params` does."""
    try:
        return Params.model_validate(tree)
    except ValidationError as error:
        lines = [_explain(item) for item in error.errors()]
        raise ParamsError(f"{source}:\n" + "\n".join(f"  {line}" for line in lines)) from error


def override(params: Params, changes: Mapping[str, Any]) -> Params:
    """Return `params` with a tree of changes laid over it, checked again."""
    return parse_params(merge(params.model_dump(), changes))


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay the tree `over` on the tree `base`; neither is changed."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = (
            merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
        )
    return merged


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a tree's leaves by dotted name, as MLflow wants them."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _explain(item: Any) -> str:
    # union members appear in pydantic's locations by class name; people know only the keys
    keys = [str(part) for part in item["loc"] if part not in ("Range", "Choices")]
    name = ".".join(keys)
    if item["type"] == "extra_forbidden":
        return _unknown(name, keys[-1], _fields_at(keys[:-1]))
    if item["type"] == "missing":
        return f"{name} is missing"
    message = item["msg"].removeprefix("Value error, ")
    return (
        f"{name} is {item['input']!r}: {message}"
        if name and not isinstance(item["input"], dict)
        else (f"{name}: {message}" if name else message)
    )


def _fields_at(keys: list[str]) -> list[str]:
    if "space" in keys:
        return ["low", "high", "log", "choices"]
    model: Any = Params
    for key in keys:
        model = model.model_fields[key].annotation
    return list(model.model_fields)


def _unknown(name: str, key: str, known: Any) -> str:
    close = get_close_matches(key, list(known), n=1)
    hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
    return f"{name} is unknown: {hint}"
