"""A data set as its source publishes it."""

from dataclasses import dataclass, field

import pandas as pd

from darkroom.data.splits import Split


@dataclass(frozen=True)
class Raw:
    """A data set as its source gives it.

    Attributes:
        train: the training images.
        test: the test images.
        classes: names of the classes, by label.
        validation: the validation images; None where they are to be drawn from the training images.
        rows: for each split by name, columns for its manifest, a row for each image.
    """

    train: Split
    test: Split
    classes: tuple[str, ...]
    validation: Split | None = None
    rows: dict[str, pd.DataFrame] = field(default_factory=dict)
