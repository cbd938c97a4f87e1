"""Decisions in a table that a spreadsheet saved."""

import csv
import re
from pathlib import Path

import pandas as pd
import pytest

from darkroom.feedback.decisions import Review
from darkroom.feedback.store import ReviewError, read_decisions, read_items
from darkroom.feedback.tables import read_table
from tests.helpers.feedback import CLASSES, command, report


def test_a_table_saved_by_a_spreadsheet_is_read_completely_or_not_at_all(tmp_path: Path) -> None:
    names = [report(tmp_path, seed, "cat") for seed in range(4)]
    path = tmp_path / "review.csv"
    command("list", "--folder", tmp_path, "--table", path)
    rows = pd.read_csv(path, dtype=str, keep_default_na=False).set_index("sha256")
    rows.loc[names[0], "decision"] = "Confirm "
    rows.loc[names[1], ["decision", "class"]] = ["correct", "dog"]
    rows.loc[names[2], ["decision", "class"]] = ["correct", "bird"]
    rows.to_csv(path, sep=";", encoding="utf-8-sig", quoting=csv.QUOTE_ALL)  # as some spreadsheets save it
    message = command("review", "--folder", tmp_path, "--table", path, "--by", "Ada", check=False)
    assert re.search(rf"nothing was changed:\n  image {names[2][:12]}: 'bird' is not a class", message)
    assert not (tmp_path / "decisions.jsonl").exists()
    rows.loc[names[2], ["decision", "class"]] = ["reject", ""]
    rows.to_csv(path)
    assert "3 decisions saved, 0 unchanged" in command(
        "review", "--folder", tmp_path, "--table", path, "--by", "Ada"
    )
    decided = read_decisions(tmp_path)
    assert {name: (decided[name].action, decided[name].label, decided[name].who) for name in names[:3]} == {
        names[0]: ("confirm", "cat", "Ada"),
        names[1]: ("correct", "dog", "Ada"),
        names[2]: ("reject", None, "Ada"),
    }
    assert "0 decisions saved, 3 unchanged" in command("review", "--folder", tmp_path, "--table", path)
    listed = command("list", "--folder", tmp_path, "--open")
    assert "4 images, 1 undecided" in listed
    assert names[3][:12] in listed
    assert names[0][:12] not in listed
    review = Review(items=read_items(tmp_path), classes=CLASSES, reviewer="me")
    path.write_text("sha256,class\n", encoding="utf-8")
    with pytest.raises(ReviewError, match="lacks the column decision; it has sha256, class"):
        read_table(path, review)
    path.write_text(f"sha256,decision,class\n{names[3]},,dog\n", encoding="utf-8")
    with pytest.raises(ReviewError, match="has the class 'dog' and no decision"):
        read_table(path, review)
