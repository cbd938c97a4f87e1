"""The feedback folder: reported images and decisions on them."""

import json
from pathlib import Path

import pytest

from darkroom.feedback.store import NO_CLASS, ReviewError, read_decisions, read_items
from darkroom.feedback.tables import to_table
from tests.helpers.feedback import decide_and_save, report


def test_an_item_has_every_reported_class_and_one_table_row(tmp_path: Path) -> None:
    one, other = report(tmp_path, 1, "cat", None, "dog"), report(tmp_path, 2, "cat", kind="JPEG")
    with open(tmp_path / "feedback.jsonl", "ab") as file:
        file.write(b'{"sha256": "12')  # cut off by a crash
    rows = to_table(read_items(tmp_path)).set_index("sha256")
    assert list(rows.index) == [other, one]
    assert rows.loc[one, "reported"] == f"cat / {NO_CLASS} / dog"
    assert rows.loc[other].to_dict() | {"file": ""} == {
        **{"reported": "cat", "predicted": "dog", "probability": 0.5, "decision": "", "class": ""},
        **{"decided_by": "", "decided_at": "", "model": "animals", "version": "3"},
        **{"last_reported_at": "2026-01-01T00:00:02+00:00", "file": ""},
    }
    with pytest.raises(ReviewError, match=r"feedback\.jsonl does not exist: name the folder"):
        read_items(tmp_path / "none")


def test_the_last_decision_counts_and_every_decision_stays_in_the_file(tmp_path: Path) -> None:
    one = report(tmp_path, 1, "cat")
    assert [decide_and_save(tmp_path, one, "confirm"), decide_and_save(tmp_path, one, "confirm")] == [1, 0]
    with open(tmp_path / "decisions.jsonl", "ab") as file:
        file.write(b'{"sha256": "' + one.encode())  # cut off by a crash
    assert decide_and_save(tmp_path, one, "reject") == 1
    assert read_decisions(tmp_path)[one].action == "reject"
    lines = (tmp_path / "decisions.jsonl").read_bytes().splitlines()
    assert json.loads(lines[0])["label"] == "cat"
    assert json.loads(lines[2])["who"] == "me"
