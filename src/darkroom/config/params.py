"""The parameters: params.yaml as a frozen, typed tree; what it does not know it refuses."""

from collections.abc import Callable, Iterator, Mapping
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


class _Leaf(_Tree):
    """What the values of a leaf of the search space have in common."""

    when: dict[
        str, Scalar | tuple[Scalar, ...]
    ] = {}  # by dotted name: the value, or one of those, it asks for

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Say whether the condition holds for `values` by dotted name."""
        return all(name in values and values[name] in _listed(asked) for name, asked in self.when.items())


class Range(_Leaf):
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

    def holds_value(self, value: Any) -> bool:
        """Say whether `value` lies in the range."""
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        return isinstance(value, int if whole else int | float) and self.low <= value <= self.high


class Choices(_Leaf):
    """A list of values of the search space."""

    choices: Annotated[tuple[Scalar, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _different(self) -> "Choices":
        for value in self.choices:
            if self.choices.count(value) > 1:
                raise ValueError(f"{value!r} is among the choices twice")
        return self

    def holds_value(self, value: Any) -> bool:
        """Say whether `value` is one of the choices."""
        return value in self.choices


def _kind(leaf: Any) -> str:
    # one of them is meant, so only its errors are told
    if isinstance(leaf, list | tuple):
        return "Alternatives"
    listed = isinstance(leaf, Choices) or (isinstance(leaf, Mapping) and "choices" in leaf)
    return "Choices" if listed else "Range"


def _listed(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


Leaf = Range | Choices
_OneLeaf = Annotated[
    Annotated[Range, Tag("Range")] | Annotated[Choices, Tag("Choices")], Discriminator(_kind)
]
Space = dict[
    str,
    dict[
        str,
        Annotated[
            Annotated[Range, Tag("Range")]
            | Annotated[Choices, Tag("Choices")]
            | Annotated[tuple[_OneLeaf, ...], Field(min_length=1), Tag("Alternatives")],
            Discriminator(_kind),
        ],
    ],
]
"""By group and name a leaf, or several of which the first whose condition holds is meant."""


class Tune(_Tree):
    """The hyper-parameter search: its budget, how it searches, and its space."""

    trials: Count
    minutes: Annotated[float, Field(ge=0)]
    epochs: Positive
    min_epochs: Positive
    reduction_factor: Annotated[int, Field(ge=2)]
    pruner: Literal["asha", "hyperband", "median", "none"]
    sampler: Literal["tpe", "random"]
    startup_trials: Count
    pictures: Count
    resolution: Count
    workers: Positive
    engine: Literal["processes", "ray"]
    dead_after: Annotated[int, Field(ge=3)]
    space: Space

    @model_validator(mode="after")
    def _ordered(self) -> "Tune":
        if self.min_epochs > self.epochs:
            raise ValueError(
                f"min_epochs ({self.min_epochs}) is above epochs ({self.epochs}): no trial could be stopped "
                "early; set a smaller min_epochs, or pruner=none"
            )
        return self


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
        wrong = _contradiction({name: _value(self, name) for name in _TOGETHER})
        if wrong:
            raise ValueError(wrong)
        _check_space(self)
        return self


_TOGETHER = ("model.architecture", "train.optimizer", "model.views", "augment.flip")


def _contradiction(values: Mapping[str, Any]) -> str | None:
    """Say what does not go together in the values of `_TOGETHER`."""
    if values["model.architecture"] == "classic" and values["train.optimizer"] == "muon":
        return (
            "train.optimizer is muon, which model.architecture classic does not train with: "
            "set train.optimizer=adam and train.learning_rate=0.001"
        )
    if values["model.views"] > 1 and values["augment.flip"] == "none":
        return (
            f"model.views is {values['model.views']}, which mirrors pictures at prediction, but augment.flip "
            "is none: set model.views=1"
        )
    return None


def walk_space(space: Space, choose: Callable[[str, str, Leaf], Any]) -> dict[str, Any]:
    """Return a value by dotted name for each leaf whose condition holds.

    `choose(name, label, leaf)` gives the value of a leaf, after those its condition asks for. `label` is the
    name where it has one leaf; of several, each has its own. Raises ValueError where conditions go round in
    a circle or ask for what is not in the space.
    """
    waiting = _leaves(space)
    for name, leaves in waiting.items():
        for asked in {asked for leaf in leaves for asked in leaf.when} - waiting.keys():
            raise ValueError(
                f"tune.space.{name} has a condition on {asked}, which is not in tune.space: add its choices, "
                "or take the condition away"
            )
    values: dict[str, Any] = {}
    while waiting:
        ready = [
            name
            for name, leaves in waiting.items()
            if not {asked for leaf in leaves for asked in leaf.when} & waiting.keys()
        ]
        if not ready:
            raise ValueError(f"the conditions of {', '.join(waiting)} in tune.space go round in a circle")
        for name in ready:
            leaves = waiting.pop(name)
            leaf = next((leaf for leaf in leaves if leaf.holds(values)), None)
            if leaf is not None:
                values[name] = choose(name, _label(name, leaf) if len(leaves) > 1 else name, leaf)
    return values


def space_name(label: str) -> str:
    """Return the dotted name that a label of `walk_space` stands for."""
    return label.partition(" ")[0]


def _label(name: str, leaf: Leaf) -> str:
    condition = ", ".join(f"{key}={'|'.join(map(str, _listed(asked)))}" for key, asked in leaf.when.items())
    return f"{name} ({condition or 'else'})"


def _leaves(space: Space) -> dict[str, tuple[Leaf, ...]]:
    return {
        f"{group}.{name}": leaf if isinstance(leaf, tuple) else (leaf,)
        for group, leaves in space.items()
        for name, leaf in leaves.items()
    }


def _parted(name: str) -> tuple[str, str]:
    group, _, key = name.partition(".")
    return group, key


def _value(params: "Params", name: str) -> Any:
    group, key = _parted(name)
    return getattr(getattr(params, group), key)


def _check_space(params: "Params") -> None:
    """Raise ValueError that names the leaf which cannot be searched, the value seen and what to do."""
    for group, named in params.tune.space.items():
        fields = _SEARCHABLE.get(group)
        if fields is None:
            raise ValueError(_unknown(f"tune.space.{group}", group, _SEARCHABLE))
        for name in named:
            if name not in fields.model_fields:
                raise ValueError(_unknown(f"tune.space.{group}.{name}", name, fields.model_fields))
            if f"{group}.{name}" in _TRIAL_BUDGET:
                raise ValueError(f"tune.space.{group}.{name} cannot be searched: trials take it from tune")
    leaves = _leaves(params.tune.space)
    for name, each in leaves.items():
        for leaf in each:
            _check_leaf(params, name, leaf)
            _check_condition(name, leaf, leaves)
    for values in _every_way(
        params.tune.space, {*_TOGETHER, *(key for key in leaves if _asked(key, leaves))}
    ):
        fixed = {name: _value(params, name) for name in _TOGETHER}
        wrong = _contradiction(fixed | {name: values[name] for name in _TOGETHER if name in values})
        if wrong:
            drawn = ", ".join(f"{name}={values[name]}" for name in _TOGETHER if name in values)
            raise ValueError(
                f"tune.space can draw {drawn}: {wrong.split(':')[0]}: take a choice away or give it a "
                "condition (when)"
            )


def _check_leaf(params: "Params", name: str, leaf: Leaf) -> None:
    group, key = _parted(name)
    tree = getattr(params, group)
    for value in _options(leaf):
        try:
            type(tree).model_validate({**tree.model_dump(), key: value}, strict=True)
        except ValidationError as error:
            raise ValueError(f"tune.space.{name} has {value!r}: {error.errors()[0]['msg']}") from error


def _check_condition(name: str, leaf: Leaf, leaves: Mapping[str, tuple[Leaf, ...]]) -> None:
    for asked, values in leaf.when.items():
        if asked not in leaves:
            continue  # told by walk_space
        for value in _listed(values):
            if not any(other.holds_value(value) for other in leaves[asked]):
                raise ValueError(
                    f"tune.space.{name} has the condition {asked}={value!r}, which {asked} never is in "
                    "tune.space: take one of its values"
                )


def _asked(name: str, leaves: Mapping[str, tuple[Leaf, ...]]) -> bool:
    return any(name in leaf.when for each in leaves.values() for leaf in each)


def _options(leaf: Leaf) -> tuple[Any, ...]:
    """Return the values of a leaf; of a range with many its ends."""
    if isinstance(leaf, Choices):
        return leaf.choices
    if isinstance(leaf.low, int) and isinstance(leaf.high, int) and leaf.high - leaf.low < 20:
        return tuple(range(leaf.low, leaf.high + 1))
    return leaf.low, leaf.high


def _every_way(space: Space, vary: set[str]) -> Iterator[dict[str, Any]]:
    """Walk the space with each combination of the options of the names in `vary`; the others stay."""
    script: list[int] = []
    while True:
        taken: list[tuple[int, int]] = []  # the place of each option, and how many there were

        def choose(
            name: str,
            label: str,
            leaf: Leaf,
            taken: list[tuple[int, int]] = taken,
            script: list[int] = script,
        ) -> Any:
            options = _options(leaf) if name in vary else _options(leaf)[:1]
            place = script[len(taken)] if len(taken) < len(script) else 0
            taken.append((place, len(options)))
            return options[place]

        yield walk_space(space, choose)
        while taken and taken[-1][0] + 1 == taken[-1][1]:
            taken.pop()
        if not taken:
            return
        script = [place for place, _ in taken]
        script[-1] += 1


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
    keys = [str(part) for part in item["loc"] if part not in ("Range", "Choices", "Alternatives")]
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
        return ["low", "high", "log", "choices", "when"]
    model: Any = Params
    for key in keys:
        model = model.model_fields[key].annotation
    return list(model.model_fields)


def _unknown(name: str, key: str, known: Any) -> str:
    close = get_close_matches(key, list(known), n=1)
    hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
    return f"{name} is unknown: {hint}"
