"""Trees of plain values."""

from darkroom.config.trees import flatten, merge


def test_merge_and_flatten() -> None:
    base = {"a": {"b": 1, "c": 2}, "d": 3}
    assert merge(base, {"a": {"b": 5}, "e": 6}) == {"a": {"b": 5, "c": 2}, "d": 3, "e": 6}
    assert base == {"a": {"b": 1, "c": 2}, "d": 3}
    assert flatten(base) == {"a.b": 1, "a.c": 2, "d": 3}
