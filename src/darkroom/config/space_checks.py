"""Checks of the search space (tune.space): only values that can be trained with may be drawn from it."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from darkroom.config.augment import Augment
from darkroom.config.base import Section
from darkroom.config.contradictions import INTERDEPENDENT, contradiction
from darkroom.config.messages import shown, unknown_key
from darkroom.config.model import Model
from darkroom.config.search_space import Choices, Leaf, Space, as_tuple, space_leaves, walk_space
from darkroom.config.train import Train

if TYPE_CHECKING:
    from darkroom.config.params import Params

# The sections whose parameters can be searched.
SEARCHABLE: dict[str, type[Section]] = {"model": Model, "augment": Augment, "train": Train}
# Of these, the parameters that a trial takes from the section `tune`.
TRIAL_BUDGET = {
    "train.epochs",
    "train.patience",
    "train.low_resolutions",
    "train.hardest_share",
    "train.use_validation",
    "train.processes",
}
# Of these, what no trial trains with: with a backbone there are none.
OF_BACKBONES = {"model.backbone", "model.weights", "model.head", "model.label_vectors", "model.ensemble"}
# Of a range of fewer whole numbers than this every one is checked, of a longer one both ends.
SHORT_RANGE = 20


def value_of(params: "Params", name: str) -> Any:
    """Return a parameter by its dotted name, as "train.epochs"."""
    section, _, key = name.partition(".")
    return getattr(getattr(params, section), key)


def check_space(params: "Params") -> None:
    """Raise ValueError that names the leaf which cannot be searched, the value seen and what to do."""
    space = params.tune.space
    _check_names(space)
    leaves = space_leaves(space)
    for name, alternatives in leaves.items():
        for leaf in alternatives:
            _check_values(params, name, leaf)
            _check_condition(name, leaf, leaves)
    _check_combinations(params, leaves)


def _check_names(space: Space) -> None:
    for section, leaves in space.items():
        known = SEARCHABLE.get(section)
        if known is None:
            raise ValueError(unknown_key(f"tune.space.{section}", section, SEARCHABLE))
        for key in leaves:
            if key not in known.model_fields:
                raise ValueError(unknown_key(f"tune.space.{section}.{key}", key, known.model_fields))
            if f"{section}.{key}" in TRIAL_BUDGET:
                raise ValueError(f"tune.space.{section}.{key} cannot be searched: trials take it from tune")
            if f"{section}.{key}" in OF_BACKBONES:
                raise ValueError(
                    f"tune.space.{section}.{key} cannot be searched: with a backbone there are no trials"
                )
            if f"{section}.{key}" == "model.structure":
                raise ValueError(
                    f"tune.space.{section}.{key} cannot be searched: it is fitted after training, to the "
                    "validation images"
                )
            if f"{section}.{key}" == "train.best_by":
                raise ValueError(f"tune.space.{section}.{key} cannot be searched: trials are compared by it")


def _check_values(params: "Params", name: str, leaf: Leaf) -> None:
    section, _, key = name.partition(".")
    tree = getattr(params, section)
    for value in _options(leaf):
        try:
            type(tree).model_validate({**tree.model_dump(), key: value}, strict=True)
        except ValidationError as error:
            raise ValueError(f"tune.space.{name} has {shown(value)}: {error.errors()[0]['msg']}") from error


def _check_condition(name: str, leaf: Leaf, leaves: Mapping[str, tuple[Leaf, ...]]) -> None:
    for required, values in leaf.when.items():
        if required not in leaves:
            continue  # walk_space reports it
        for value in as_tuple(values):
            if not any(other.holds_value(value) for other in leaves[required]):
                raise ValueError(
                    f"tune.space.{name} has the condition {required}={shown(value)}, which {required} never "
                    "is in tune.space: take one of its values"
                )


def _check_combinations(params: "Params", leaves: Mapping[str, tuple[Leaf, ...]]) -> None:
    fixed = {name: value_of(params, name) for name in INTERDEPENDENT}
    conditions = {required for each in leaves.values() for leaf in each for required in leaf.when}
    for values in _combinations(params.tune.space, {*INTERDEPENDENT, *conditions}):
        drawn = {name: values[name] for name in INTERDEPENDENT if name in values}
        wrong = contradiction(fixed | drawn)
        if wrong:
            raise ValueError(
                f"tune.space can draw {', '.join(f'{name}={value}' for name, value in drawn.items())}: "
                f"{wrong.split(':')[0]}: take a choice away or give it a condition (when)"
            )


def _options(leaf: Leaf) -> tuple[Any, ...]:
    """Return the values of a leaf; of a long range its ends."""
    if isinstance(leaf, Choices):
        return leaf.choices
    if isinstance(leaf.low, int) and isinstance(leaf.high, int) and leaf.high - leaf.low < SHORT_RANGE:
        return tuple(range(leaf.low, leaf.high + 1))
    return leaf.low, leaf.high


def _combinations(space: Space, vary: set[str]) -> Iterator[dict[str, Any]]:
    """Walk the space once for each combination of the options of the names in `vary`.

    Every other name keeps its first option. Conditions decide which names there are, so the combinations are
    found by walking: each walk records which option was taken where, and the next one takes the next option
    at the last place that has one.
    """
    script: list[int] = []
    while True:
        taken: list[tuple[int, int]] = []  # by place: the option taken, and how many there are

        def choose(
            name: str,
            label: str,
            leaf: Leaf,
            taken: list[tuple[int, int]] = taken,
            script: list[int] = script,
        ) -> Any:
            options = _options(leaf) if name in vary else _options(leaf)[:1]
            option = script[len(taken)] if len(taken) < len(script) else 0
            taken.append((option, len(options)))
            return options[option]

        yield walk_space(space, choose)
        while taken and taken[-1][0] + 1 == taken[-1][1]:
            taken.pop()
        if not taken:
            return
        script = [option for option, _ in taken]
        script[-1] += 1
