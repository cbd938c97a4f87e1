"""A data set as its source gives it."""

from dataclasses import dataclass

from darkroom.data.splits import Split


@dataclass(frozen=True)
class Raw:
    """A data set as published: a part to learn from, a test part, and the names of the classes."""

    train: Split
    test: Split
    classes: tuple[str, ...]
