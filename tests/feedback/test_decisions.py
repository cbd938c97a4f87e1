"""Decisions are checked against the images and the classes."""

import re
from pathlib import Path

import pytest

from darkroom.feedback.store import ReviewError, read_decisions
from tests.helpers.feedback import command, decide_and_save, report


def test_invalid_decisions_are_refused_with_the_reason(tmp_path: Path) -> None:
    both, none, one = report(tmp_path, 1, "cat", "dog"), report(tmp_path, 2, None), report(tmp_path, 3, "cat")
    for sha256, action, label, message in (
        (both, "confirm", None, r"users reported cat / dog, which cannot be confirmed"),
        (none, "confirm", None, r"users reported \(none of these\), which cannot be confirmed"),
        (one, "confirm", "dog", r"users reported cat, not 'dog'; use `correct` for another class"),
        (one, "correct", None, r"to correct it, give the correct class"),
        (one, "correct", "bird", r"'bird' is not a class; the classes are cat, dog, a/b: c"),
        (one, "reject", "cat", r"it is rejected and has the class 'cat'"),
        (one, "yes", None, r"the decision is 'yes'; use one of confirm, correct, reject"),
        ("", "reject", None, r"0 images have a SHA-256 that starts with ''"),
        ("f" * 64, "reject", None, r"0 images have a SHA-256 that starts with 'f"),
    ):
        with pytest.raises(ReviewError, match=message):
            decide_and_save(tmp_path, sha256, action, label)
    assert read_decisions(tmp_path) == {}
    assert decide_and_save(tmp_path, both[:10], "confirm", "dog") == 1


def test_images_are_decided_on_the_command_line(tmp_path: Path) -> None:
    one, two = report(tmp_path, 1, "cat"), report(tmp_path, 2, "cat", "dog")
    assert "1 decisions saved" in command("review", "--folder", tmp_path, one[:12], "--confirm")
    assert "1 decisions saved" in command(
        "review", "--folder", tmp_path, two, "--class", "dog", "--by", "Ada"
    )
    listed = command("list", "--folder", tmp_path)
    assert re.search(rf"{two[:12]} +cat / dog +dog \(50%\) +animals 3 +correct dog", listed)
    assert "give either --table, or the images" in command("review", "--folder", tmp_path, check=False)
    assert "give the decision" in command("review", "--folder", tmp_path, one, check=False)
    assert "name the folder" in command("list", check=False)
