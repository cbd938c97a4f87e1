"""The review of a model of several labels: a person says the whole set."""

import json
import re
from pathlib import Path

import pytest

from darkroom.feedback.corrections import export
from darkroom.feedback.decisions import known_classes
from darkroom.feedback.gallery import gallery_page
from darkroom.feedback.store import ReviewError, read_decisions, read_items
from tests.helpers.feedback import CLASSES, command, decide_and_save, report_sets

BOTH, CAT, NONE = '["cat", "dog"]', '["cat"]', "[]"


@pytest.mark.parametrize(
    ("action", "written", "kept"),
    [
        ("confirm", None, BOTH),
        ("confirm", "dog|cat", BOTH),
        ("correct", "cat", CAT),
        ("correct", "cat | a/b: c", '["a/b: c", "cat"]'),
        ("correct", '["dog", "cat", "dog"]', BOTH),
        ("correct", NONE, NONE),
        ("reject", None, None),
    ],
)
def test_a_set_is_decided(tmp_path: Path, action: str, written: str | None, kept: str | None) -> None:
    one = report_sets(tmp_path, 1, BOTH)
    assert decide_and_save(tmp_path, one, action, written) == 1
    assert read_decisions(tmp_path)[one].label == kept
    assert decide_and_save(tmp_path, one, action, written) == 0


def test_what_is_no_set_of_the_labels_is_refused(tmp_path: Path) -> None:
    one, two = report_sets(tmp_path, 1, CAT), report_sets(tmp_path, 2, CAT, NONE)
    for sha256, action, written, message in (
        (one, "correct", "cat|bird", "'bird' is not a class; the classes are cat, dog"),
        (one, "confirm", "dog", "users reported cat, not"),
        (two, "confirm", None, r"users reported cat / \(no label\), which cannot be confirmed"),
        (one, "correct", None, "give the correct class"),
    ):
        with pytest.raises(ReviewError, match=message):
            decide_and_save(tmp_path, sha256, action, written)
    assert read_decisions(tmp_path) == {}
    assert decide_and_save(tmp_path, two, "confirm", NONE) == 1


def test_sets_are_listed_and_decided_on_the_command_line(tmp_path: Path) -> None:
    one = report_sets(tmp_path, 1, BOTH)
    assert "1 decisions saved" in command("review", "--folder", tmp_path, one, "--class", "dog")
    listed = command("list", "--folder", tmp_path)
    assert re.search(rf"{one[:12]} +cat \+ dog +dog \(50%\) +animals 3 +correct dog", listed)
    assert known_classes(read_items(tmp_path), tmp_path / "meta.json") == ["cat", "dog"]


def test_a_table_takes_sets(tmp_path: Path) -> None:
    one, two = report_sets(tmp_path, 1, BOTH), report_sets(tmp_path, 2, CAT)
    table = tmp_path / "decisions.csv"
    rows = ["sha256,decision,class", f'{one},correct,"[""dog""]"', f"{two},correct,cat|dog"]
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    review = command("review", "--folder", tmp_path, "--table", table)
    assert "2 decisions saved" in review
    decided = read_decisions(tmp_path)
    assert (decided[one].label, decided[two].label) == ('["dog"]', BOTH)


def test_the_export_follows_the_decisions_and_is_idempotent(tmp_path: Path) -> None:
    folder, into = tmp_path / "feedback", tmp_path / "corrections"
    one, two = report_sets(folder, 1, BOTH), report_sets(folder, 2, CAT)
    decide_and_save(folder, one, "confirm")
    decide_and_save(folder, two, "correct", NONE)
    assert export(folder, into).new == 2
    assert _exported(into) == {one: ["cat", "dog"], two: []}
    assert export(folder, into).unchanged == 2
    decide_and_save(folder, one, "correct", "cat")
    decide_and_save(folder, two, "reject")
    done = export(folder, into)
    assert (done.new, done.moved, done.withdrawn, done.unchanged) == (0, 1, 1, 0)
    assert _exported(into) == {one: ["cat"]}
    decide_and_save(folder, two, "confirm")
    (folder / "images" / f"{two}.png").write_bytes(b"rotten")
    assert export(folder, into).missing == (two,)
    assert _exported(into) == {one: ["cat"]}


def _exported(into: Path) -> dict[str, list[str]]:
    """Return the labels of each exported image by its SHA-256."""
    files = {path.stem: path for path in into.glob("animals/label-sets/*.json")}
    assert {path.stem for path in into.rglob("*.png")} == set(files)
    return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in files.items()}


def test_the_gallery_has_a_box_for_each_label(tmp_path: Path) -> None:
    report_sets(tmp_path, 1, BOTH)
    page = gallery_page(read_items(tmp_path), CLASSES)
    assert page.count('type="checkbox"') == len(CLASSES)
    assert '<input type="checkbox" value="cat" checked>' in page
    assert '<input type="checkbox" value="a/b: c">' in page
    assert "reported <b>cat + dog</b>" in page
