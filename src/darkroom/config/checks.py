"""What parameters must be to fit together, and what of them can be searched."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from darkroom.config.augment import Augment
from darkroom.config.base import Section
from darkroom.config.messages import unknown_key
from darkroom.config.model import Model
from darkroom.config.search_space import Choices, Leaf, Space, as_tuple, space_leaves, walk_space
from darkroom.config.train import Train

if TYPE_CHECKING:
    from darkroom.config.params import Params

INTERDEPENDENT = ("model.architecture", "train.optimizer", "model.views", "augment.flip")


def contradiction(values: Mapping[str, Any]) -> str | None:
    """Say what does not go together in the values of `INTERDEPENDENT`."""
    if values["model.architecture"] == "classic" and values["train.optimizer"] == "muon":
        return (
            "train.optimizer is muon, which model.architecture classic does not train with: "
            "set train.optimizer=adam and train.learning_rate=0.001"
        )
    if values["model.views"] > 1 and values["augment.flip"] == "none":
        return (
            f"model.views is {values['model.views']}, which mirrors images at prediction, but augment.flip "
            "is none: set model.views=1"
        )
    return None


def _parted(name: str) -> tuple[str, str]:
    group, _, key = name.partition(".")
    return group, key


def value_of(params: "Params", name: str) -> Any:
    """Return a parameter by its dotted name."""
    group, key = _parted(name)
    return getattr(getattr(params, group), key)


def check_space(params: "Params") -> None:
    """Raise ValueError that names the leaf which cannot be searched, the value seen and what to do."""
    for group, named in params.tune.space.items():
        fields = _SEARCHABLE.get(group)
        if fields is None:
            raise ValueError(unknown_key(f"tune.space.{group}", group, _SEARCHABLE))
        for name in named:
            if name not in fields.model_fields:
                raise ValueError(unknown_key(f"tune.space.{group}.{name}", name, fields.model_fields))
            if f"{group}.{name}" in _TRIAL_BUDGET:
                raise ValueError(f"tune.space.{group}.{name} cannot be searched: trials take it from tune")
    leaves = space_leaves(params.tune.space)
    for name, each in leaves.items():
        for leaf in each:
            _check_leaf(params, name, leaf)
            _check_condition(name, leaf, leaves)
    for values in _every_way(
        params.tune.space, {*INTERDEPENDENT, *(key for key in leaves if _asked(key, leaves))}
    ):
        fixed = {name: value_of(params, name) for name in INTERDEPENDENT}
        wrong = contradiction(fixed | {name: values[name] for name in INTERDEPENDENT if name in values})
        if wrong:
            drawn = ", ".join(f"{name}={values[name]}" for name in INTERDEPENDENT if name in values)
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
        for value in as_tuple(values):
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
_SEARCHABLE: dict[str, type[Section]] = {"model": Model, "augment": Augment, "train": Train}
