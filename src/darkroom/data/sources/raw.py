"""A data set as its source publishes it."""

from dataclasses import dataclass

from darkroom.data.splits import Split


@dataclass(frozen=True)
class Raw:
    """A data set as published: its training part, its test part, and the names of its classes."""

    train: Split
    test: Split
    classes: tuple[str, ...]
