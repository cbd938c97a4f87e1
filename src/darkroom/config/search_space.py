"""The search space: ranges and choices, some of them under a condition."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator

from darkroom.config.base import Scalar, Section
from darkroom.config.messages import shown


class _Leaf(Section):
    """What every kind of leaf of the search space has: the condition under which it is searched."""

    # by dotted name: the value that another parameter must have, or several of which it must have one
    when: dict[str, Scalar | tuple[Scalar, ...]] = Field(default_factory=dict)

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Return whether the condition holds for `values`, which are by dotted name."""
        return all(
            name in values and values[name] in as_tuple(required) for name, required in self.when.items()
        )


class Range(_Leaf):
    """A range of the search space; whole numbers when both ends are."""

    low: int | float
    high: int | float
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> "Range":
        if self.low > self.high:
            raise ValueError(f"low ({shown(self.low)}) is above high ({shown(self.high)})")
        if self.log and self.low <= 0:
            raise ValueError(f"a log range starts above 0, not at {shown(self.low)}")
        return self

    def holds_value(self, value: Any) -> bool:
        """Return whether `value` lies in the range."""
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        return isinstance(value, int if whole else int | float) and self.low <= value <= self.high


class Choices(_Leaf):
    """A list of values of the search space."""

    choices: Annotated[tuple[Scalar, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _different(self) -> "Choices":
        for value in self.choices:
            if self.choices.count(value) > 1:
                raise ValueError(f"{shown(value)} is among the choices twice")
        return self

    def holds_value(self, value: Any) -> bool:
        """Return whether `value` is one of the choices."""
        return value in self.choices


def _kind(leaf: Any) -> str:
    # decided before the fields are checked, so that only the errors of the kind that is meant are reported
    if isinstance(leaf, list | tuple):
        return "Alternatives"
    listed = isinstance(leaf, Choices) or (isinstance(leaf, Mapping) and "choices" in leaf)
    return "Choices" if listed else "Range"


def as_tuple(value: Any) -> tuple[Any, ...]:
    """Return a tuple as it is, anything else as the only value of a tuple.

    >>> as_tuple((1, 2)), as_tuple("muon")
    ((1, 2), ('muon',))
    """
    return value if isinstance(value, tuple) else (value,)


Leaf = Range | Choices
_OneLeaf = Annotated[
    Annotated[Range, Tag("Range")] | Annotated[Choices, Tag("Choices")], Discriminator(_kind)
]
# By section and key: one leaf, or several, of which the first whose condition holds is searched.
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


def walk_space(space: Space, choose: Callable[[str, str, Leaf], Any]) -> dict[str, Any]:
    """Return a value by dotted name for each leaf whose condition holds.

    `choose(name, label, leaf)` returns the value of a leaf; it is called after the parameters that the leaf's
    condition depends on have theirs. `label` is the name of a parameter with one leaf; each of several leaves
    has a label of its own. Raises ValueError where conditions are circular or depend on a parameter that is
    not in the space.
    """
    waiting = space_leaves(space)
    for name, leaves in waiting.items():
        for required in {required for leaf in leaves for required in leaf.when} - waiting.keys():
            raise ValueError(
                f"tune.space.{name} has a condition on {required}, which is not in tune.space: "
                "add its choices, or take the condition away"
            )
    values: dict[str, Any] = {}
    while waiting:
        ready = [
            name
            for name, leaves in waiting.items()
            if not {required for leaf in leaves for required in leaf.when} & waiting.keys()
        ]
        if not ready:
            raise ValueError(f"the conditions of {', '.join(waiting)} in tune.space are circular")
        for name in ready:
            leaves = waiting.pop(name)
            leaf = next((leaf for leaf in leaves if leaf.holds(values)), None)
            if leaf is not None:
                values[name] = choose(name, _label(name, leaf) if len(leaves) > 1 else name, leaf)
    return values


def space_name(label: str) -> str:
    """Return the dotted name that a label of `walk_space` stands for.

    >>> space_name("train.learning_rate (train.optimizer=muon)")
    'train.learning_rate'
    """
    return label.partition(" ")[0]


def _label(name: str, leaf: Leaf) -> str:
    condition = ", ".join(
        f"{key}={'|'.join(map(str, as_tuple(values)))}" for key, values in leaf.when.items()
    )
    return f"{name} ({condition or 'else'})"


def space_leaves(space: Space) -> dict[str, tuple[Leaf, ...]]:
    """Return the leaves of a space by dotted name: several where a parameter has alternatives."""
    return {
        f"{section}.{name}": leaf if isinstance(leaf, tuple) else (leaf,)
        for section, leaves in space.items()
        for name, leaf in leaves.items()
    }
