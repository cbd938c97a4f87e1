"""Sets of labels: what one image has, has not, and may have."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

YES, NO, UNKNOWN = 1, 0, -1  # in arrays of labels, int8 [N,classes]


@dataclass(frozen=True)
class LabelSet:
    """The labels of one image; it has none of the labels that are in neither of both.

    Attributes:
        yes: labels that it has.
        unknown: labels of which nobody said whether it has them.
    """

    yes: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        """The labels that it has, as a JSON list: names may hold any character."""
        return _text(self.yes)

    @property
    def unknown_text(self) -> str:
        """The labels that are unknown, as a JSON list; empty if none is."""
        return _text(self.unknown) if self.unknown else ""

    @property
    def names(self) -> frozenset[str]:
        """All names in it."""
        return self.yes | self.unknown


def label_set(yes: str, unknown: str = "") -> LabelSet:
    """Return the set that `text` and `unknown_text` describe.

    >>> sorted(label_set('["car", "tree"]').yes)
    ['car', 'tree']
    """
    return LabelSet(frozenset(json.loads(yes or "[]")), frozenset(json.loads(unknown or "[]")))


def merged(sets: Iterable[LabelSet]) -> LabelSet:
    """Return what several statements about one image say together.

    Where each of them names one label, they are parts of one set: rows of a table with a row a label, or
    folders of labels that each have the image. Otherwise each is the whole set, and the labels of which they
    disagree are unknown.

    >>> car, tree, both = (LabelSet(frozenset(names)) for names in (["car"], ["tree"], ["car", "tree"]))
    >>> sorted(merged([car, tree]).yes), sorted(merged([both, car]).yes), sorted(merged([both, car]).unknown)
    (['car', 'tree'], ['car'], ['tree'])
    """
    different = list(dict.fromkeys(sets))
    if all(len(one.yes) == 1 for one in different):
        yes = frozenset[str]().union(*(one.yes for one in different))
        return LabelSet(yes, frozenset[str]().union(*(one.unknown for one in different)) - yes)
    yes = frozenset.intersection(*(one.yes for one in different))
    return LabelSet(yes, frozenset[str]().union(*(one.names for one in different)) - yes)


def label_array(sets: Sequence[LabelSet], classes: Sequence[str]) -> NDArray[np.int8]:
    """Return sets of labels as int8 [N,classes]: 1 has it, 0 has it not, -1 unknown.

    Names that are not among `classes` are left out.

    >>> label_array([LabelSet(frozenset(["b"])), LabelSet(unknown=frozenset(["a"]))], ["a", "b"]).tolist()
    [[0, 1], [-1, 0]]
    """
    places = {name: place for place, name in enumerate(classes)}
    array = np.full((len(sets), len(classes)), NO, dtype=np.int8)
    for row, one in enumerate(sets):
        array[row, [places[name] for name in one.yes if name in places]] = YES
        array[row, [places[name] for name in one.unknown if name in places]] = UNKNOWN
    return array


def set_of_row(row: NDArray[np.int8], classes: Sequence[str]) -> LabelSet:
    """Return the labels of one image from its row of `label_array`, int8 [classes].

    >>> sorted(set_of_row(np.array([1, 0, 1], dtype=np.int8), ["a", "b", "c"]).yes)
    ['a', 'c']
    """
    yes, unknown = (
        frozenset(name for name, value in zip(classes, row, strict=True) if value == wanted)
        for wanted in (YES, UNKNOWN)
    )
    return LabelSet(yes, unknown)


def _text(names: Iterable[str]) -> str:
    return json.dumps(sorted(names), ensure_ascii=False)
