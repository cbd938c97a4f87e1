"""What the command line prints of feedback that somebody else's program wrote."""

import json
from pathlib import Path

from darkroom.feedback.store import read_items
from tests.helpers.feedback import command, report

NASTY = "cat\x1b[2J\x9b31m\r\n\u202eall is lost"


def spoil(folder: Path) -> str:
    """Store feedback of which every text holds control characters; return the image's SHA-256."""
    sha256 = report(folder, 1, "cat")
    path = folder / "feedback.jsonl"
    line = json.loads(path.read_text(encoding="utf-8"))
    line |= {"class": NASTY, "predicted": NASTY, "model": {"name": NASTY, "version": NASTY}}
    path.write_text(json.dumps(line) + "\n", encoding="utf-8")
    assert read_items(folder)[0].reported == (NASTY,)
    return sha256


def test_the_list_has_a_line_for_each_image_and_no_control_characters(tmp_path: Path) -> None:
    spoil(tmp_path)
    lines = command("list", "--folder", tmp_path).removesuffix("\n").split("\n")
    assert len(lines) == 3  # the count, the head and the image
    assert all(line.isprintable() for line in lines), lines
    assert r"cat\x1b[2J" in lines[-1]


def test_an_error_has_no_control_characters(tmp_path: Path) -> None:
    sha256 = spoil(tmp_path)
    message = command("review", "--folder", tmp_path, sha256, "--class", "dog", "--confirm", check=False)
    assert r"cat\x1b[2J" in message
    assert all(line.isprintable() for line in message.split("\n"))
