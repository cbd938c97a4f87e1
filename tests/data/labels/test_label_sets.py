# ruff: noqa: E501  rows of tables
"""Several labels of an image: every way that tables write them, and what statements about one say together."""

import json
from pathlib import Path

import pandas as pd
import pytest

from darkroom.data.label_sets import LabelSet, label_array, label_set
from darkroom.data.labels import kind_of_labels
from darkroom.data.storage import SourceError, open_storage
from tests.helpers.labelled import images, read, read_files, splits
from tests.helpers.own_images import settings, write_files

FILES = images("photos/a.jpg", "photos/b.jpg", "photos/c.jpg")
WANTED = {"photos/a.jpg": ["car", "tree"], "photos/b.jpg": ["car"], "photos/c.jpg": []}


def yes(found: object) -> dict[str, list[str]]:
    return {image.file.path: sorted(image.labels.yes) for image in found.images}  # type: ignore[attr-defined]


def unknown(found: object) -> dict[str, list[str]]:
    sets = {image.file.path: sorted(image.labels.unknown) for image in found.images}  # type: ignore[attr-defined]
    return {path: names for path, names in sets.items() if names}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.csv", "path,labels\nphotos/a.jpg,car tree\nphotos/b.jpg,car\nphotos/c.jpg,\n"),
        ("labels.csv", "path,labels\nphotos/a.jpg,tree|car\nphotos/b.jpg,car\nphotos/c.jpg,\n"),
        ("labels.csv", 'path,tags\nphotos/a.jpg,"tree, car"\nphotos/b.jpg,car\nphotos/c.jpg,""\n'),
        ("labels.csv", "path;labels\nphotos/a.jpg;tree|car\nphotos/b.jpg;car\nphotos/c.jpg;\n"),
        (
            "labels.csv",
            'path,labels\nphotos/a.jpg,"[""tree"", ""car""]"\nphotos/b.jpg,"[""car""]"\nphotos/c.jpg,[]\n',
        ),
        (
            "labels.csv",
            "path,labels\nphotos/a.jpg,\"['tree', 'car']\"\nphotos/b.jpg,['car']\nphotos/c.jpg,[]\n",
        ),
        ("labels.csv", "path,tree,car\nphotos/a.jpg,1,1\nphotos/b.jpg,0,1\nphotos/c.jpg,0,0\n"),
        (
            "labels.csv",
            "path,tree,car\nphotos/a.jpg,True,True\nphotos/b.jpg,False,True\nphotos/c.jpg,False,False\n",
        ),
        ("labels.csv", "path,label\nphotos/a.jpg,car\nphotos/a.jpg,tree\nphotos/b.jpg,car\nphotos/c.jpg,\n"),
        (
            "labels.jsonl",
            '{"path": "photos/a.jpg", "labels": ["tree", "car"]}\n{"path": "photos/b.jpg", "labels": ["car"]}\n'
            '{"path": "photos/c.jpg", "labels": []}\n',
        ),
    ],
    ids=[
        "blanks",
        "bar",
        "comma",
        "in a semicolon table",
        "JSON",
        "Python",
        "0 and 1",
        "true",
        "a row a label",
        "lines",
    ],
)
def test_every_way_of_writing_several_labels_is_read(tmp_path: Path, name: str, text: str) -> None:
    found = read_files(tmp_path, {**FILES, name: text}, labels="several")
    assert yes(found) == WANTED
    assert not unknown(found)


def test_a_parquet_table_with_a_column_of_lists_is_read(tmp_path: Path) -> None:
    write_files(tmp_path, FILES)
    table = pd.DataFrame({"file_name": list(WANTED), "labels": list(WANTED.values())})
    table.to_parquet(tmp_path / "labels.parquet")
    assert yes(read(tmp_path, labels="several")) == WANTED


def test_blank_and_minus_one_are_unknown_and_zero_is_not(tmp_path: Path) -> None:
    text = "path,tree,car,sea\nphotos/a.jpg,1,,0\nphotos/b.jpg,-1,1,0\nphotos/c.jpg,0,0,1\n"
    found = read_files(tmp_path, {**FILES, "labels.csv": text}, labels="several")
    assert unknown(found) == {"photos/a.jpg": ["car"], "photos/b.jpg": ["tree"]}
    sets = {image.file.path: image.labels for image in found.images}
    array = label_array([sets[path] for path in WANTED], ["car", "sea", "tree"])
    assert array.tolist() == [[-1, 0, 1], [1, 0, -1], [0, 1, 0]]


def test_names_with_separators_survive_in_lists_and_columns(tmp_path: Path) -> None:
    names = ["cars, parked", "trees | bushes", 'the "sea"']
    text = "".join(json.dumps({"path": path, "labels": names[:2]}) + "\n" for path in WANTED)
    found = read_files(tmp_path, {**FILES, "labels.jsonl": text}, labels="several")
    assert yes(found)["photos/a.jpg"] == sorted(names[:2])
    assert label_set(LabelSet(frozenset(names)).text).yes == frozenset(names)


def test_rows_that_contradict_each_other_leave_unknown_what_they_disagree_on(tmp_path: Path) -> None:
    text = "path,labels\nphotos/a.jpg,car|tree\nphotos/a.jpg,car|sea\nphotos/b.jpg,tree\nphotos/c.jpg,sea\n"
    found = read_files(tmp_path, {**FILES, "labels.csv": text}, labels="several")
    assert yes(found)["photos/a.jpg"] == ["car"]
    assert unknown(found) == {"photos/a.jpg": ["sea", "tree"]}


def test_spellings_are_one_label_and_given_splits_are_kept(tmp_path: Path) -> None:
    text = "path,labels,split\nphotos/a.jpg,Car|tree,train\nphotos/b.jpg,car,test\nphotos/c.jpg,tree|sea,\n"
    found = read_files(tmp_path, {**FILES, "labels.csv": text}, labels="several")
    assert splits(found)["photos/b.jpg"] == "test"
    assert {name for names in yes(found).values() for name in names} == {"Car", "tree", "sea"}
    assert any("'Car', 'car' are one class" in note for note in found.notes)


def test_images_in_folders_have_the_label_of_their_folder(tmp_path: Path) -> None:
    found = read_files(tmp_path, images("car/a.jpg", "tree/b.jpg"), labels="several")
    assert yes(found) == {"car/a.jpg": ["car"], "tree/b.jpg": ["tree"]}


def test_one_label_alone_is_refused(tmp_path: Path) -> None:
    text = "path,labels\nphotos/a.jpg,car\nphotos/b.jpg,car\nphotos/c.jpg,\n"
    with pytest.raises(SourceError, match="1 class"):
        read_files(tmp_path, {**FILES, "labels.csv": text}, labels="several")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("path,labels\nphotos/a.jpg,car|tree\nphotos/b.jpg,car\nphotos/c.jpg,sea|car\n", "several"),
        ("path,label\nphotos/a.jpg,car\nphotos/b.jpg,car\nphotos/c.jpg,sea\n", "one"),
        ("path,car,tree\nphotos/a.jpg,1,1\nphotos/b.jpg,0,1\nphotos/c.jpg,1,0\n", "several"),
        ("path,car,tree\nphotos/a.jpg,1,0\nphotos/b.jpg,0,1\nphotos/c.jpg,1,0\n", "one"),
        ("path,car,tree\nphotos/a.jpg,1,\nphotos/b.jpg,-1,1\nphotos/c.jpg,1,0\n", "several"),
    ],
    ids=["lists", "names", "columns", "one of the columns", "unknown"],
)
def test_the_kind_is_found_from_the_table(tmp_path: Path, text: str, expected: str) -> None:
    write_files(tmp_path, {**FILES, "labels.csv": text.encode()})
    chosen = settings(table="labels.csv")
    storage = open_storage(str(tmp_path), tmp_path.parent, chosen)
    assert kind_of_labels(storage, list(storage.files()), chosen) == expected


def test_folders_stay_one_label_though_a_table_beside_them_has_several(tmp_path: Path) -> None:
    text = "path,labels\ncar/a.jpg,car|tree\ntree/b.jpg,car|tree\n"
    write_files(tmp_path, {**images("car/a.jpg", "tree/b.jpg"), "labels.csv": text.encode()})
    storage = open_storage(str(tmp_path), tmp_path.parent, settings())
    assert kind_of_labels(storage, list(storage.files()), settings()) == ""
