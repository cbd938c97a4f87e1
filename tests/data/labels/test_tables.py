# ruff: noqa: E501  rows of tables
"""Labels from tables as people have them: every dialect, and every way that a row and a file do not meet."""

import json
from pathlib import Path

import pandas as pd
import pytest

from darkroom.data.storage import SourceError
from tests.helpers.labelled import images, labels, read, read_files, reasons, splits

TWO = images("photos/a.jpg", "photos/b.jpg")
BOTH = {"photos/a.jpg": "cat", "photos/b.jpg": "dog"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.csv", "path,label\nphotos/a.jpg,cat\nphotos/b.jpg,dog\n"),
        ("labels.csv", "path;label\r\nphotos/a.jpg;cat\r\nphotos/b.jpg;dog\r\n"),
        ("labels.csv", '"path","label"\n"photos/a.jpg","cat"\n"photos/b.jpg","dog"'),
        ("labels.csv", "\n\nfile|species|note\nphotos/a.jpg|cat|one, two\nphotos/b.jpg|dog|\n\n"),
        ("labels.tsv", "label\tImage Path\ncat\tphotos/a.jpg\ndog\tphotos/b.jpg\n"),
        ("labels.csv", "path,label\n.\\photos\\a.jpg,cat\nC:\\me\\photos\\b.jpg,dog\n"),
        ("labels.csv", "path,label\n./photos/a.jpg, cat\nphotos/b.jpg ,dog\n"),
        ("labels.csv", "photos/a.jpg,cat\nphotos/b.jpg,dog\n"),
        ("labels.csv", "file,label\na.jpg,cat\nb.jpg,dog\n"),
        ("photos/metadata.csv", "file_name,label\na.jpg,cat\nb.jpg,dog\n"),
        ("labels/list.csv", "file_name,label\n../photos/a.jpg,cat\n../photos/b.jpg,dog\n"),
        ("metadata.jsonl", '{"file_name": "photos/a.jpg", "label": "cat"}\n{"file_name": "photos/b.jpg", "label": "dog"}\n'),
        ("labels.json", json.dumps([{"image": "photos/a.jpg", "class": "cat"}, {"image": "photos/b.jpg", "class": "dog"}])),
        ("train.csv", "id,breed\na,cat\nb,dog\n"),
        ("train.csv", "image_id,cat,dog\na,1,0\nb,0.0,1.0\n"),
        ("labels.csv", "url,label\nhttps://example.org/x/photos/a.jpg?size=1,cat\ns3://bucket/photos/b.jpg,dog\n"),
        ("labels.csv", "index,path,label_id,label\n0,photos/a.jpg,7,cat\n1,photos/b.jpg,8,dog\n"),
        ("labels.json", '{"photos/a.jpg": "cat", "photos/b.jpg": "dog"}'),
        ("labels.json", '{"cat": ["photos/a.jpg"], "dog": ["photos/b.jpg"]}'),
        ("labels.csv", "sep=;\r\npath;label\r\nphotos/a.jpg;cat\r\nphotos/b.jpg;dog\r\n"),
        ("labels.csv", "path,label\nPhotos/A.JPG,cat\nphotos/b.jpg,dog\n"),
        ("labels.csv", "path,label,label_name\nphotos/a.jpg,0,cat\nphotos/b.jpg,1,dog\n"),
        ("labels.csv", "path,label,rater\nphotos/a.jpg,cat,\nphotos/b.jpg,dog\n"),
    ],
)  # fmt: skip
def test_dialects_of_tables(tmp_path: Path, name: str, text: str) -> None:
    assert labels(read_files(tmp_path / "mine", {name: text, **TWO})) == BOTH


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    table = "path;label\nphotos/größe.jpg;Löwe\nphotos/b.jpg;Hündin\n".encode(encoding)
    found = read_files(tmp_path / "mine", {"labels.csv": table, **images("photos/größe.jpg", "photos/b.jpg")})
    assert labels(found) == {"photos/größe.jpg": "Löwe", "photos/b.jpg": "Hündin"}
    assert ("labels.csv is not UTF-8: it was read as cp1252." in found.notes) == (encoding == "cp1252")


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("gb18030", "图片"),
        ("shift_jis", "写真"),
        ("euc_kr", "사진"),
        ("big5", "圖片"),
        ("cp1250", "kůň"),
        ("cp1251", "фото"),
    ],
)
def test_the_names_of_the_files_tell_the_encoding(tmp_path: Path, encoding: str, name: str) -> None:
    table = f"path,label\n{name}1.jpg,{name}\n{name}2.jpg,b\n".encode(encoding)
    found = read_files(tmp_path / "mine", {"labels.csv": table, **images(f"{name}1.jpg", f"{name}2.jpg")})
    assert labels(found) == {f"{name}1.jpg": name, f"{name}2.jpg": "b"}


def test_parquet(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    read_only = {"photos/a.jpg": b"", "photos/b.jpg": b"", "photos/c.jpg": b""}
    table = pd.DataFrame({"file_name": list(read_only), "label": [3.0, 4.0, None], "weight": [0.5, 1.5, 2.0]})
    folder.mkdir()
    table.to_parquet(folder / "metadata.parquet")
    found = read_files(folder, read_only)
    assert labels(found) == {"photos/a.jpg": "3", "photos/b.jpg": "4"}
    assert reasons(found)["photos/c.jpg"] == "no label in metadata.parquet"


def test_the_table_itself_may_be_the_source(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    table = {
        "labels.csv": "path,label\nphotos/a.jpg,cat\nphotos/b.jpg,dog\n",
        "other.csv": "path,label\na.jpg,x\n",
    }
    with pytest.raises(
        SourceError, match=r"2 files have labels and disagree about 1 image.*set data.table to one"
    ):
        read_files(folder, {**table, **TWO})
    assert labels(read(folder / "labels.csv")) == BOTH
    assert labels(read(folder, table="labels.csv")) == BOTH
    assert labels(read(folder / "photos", table=str(folder / "labels.csv"))) == {
        "a.jpg": "cat",
        "b.jpg": "dog",
    }


def test_what_is_beside_a_table_and_not_named_by_it_is_not_listed(tmp_path: Path) -> None:
    table = {"labels.csv": "path,label\nphotos/a.jpg,cat\nphotos/b.jpg,dog\n"}
    folder = tmp_path / "downloads"
    read_files(folder, {**table, **TWO, **images("other/1.jpg", "holiday.jpg")})
    found = read(folder / "labels.csv")
    assert labels(found) == BOTH
    assert reasons(found) == {"labels.csv": "it has the labels"}


def test_a_table_with_absolute_paths(tmp_path: Path) -> None:
    read_files(tmp_path / "x", {**images("p/a.jpg", "q/b.jpg")})
    rows = f"{tmp_path}/x/p/a.jpg,cat\n{tmp_path}/x/q/b.jpg,dog\n{tmp_path}/x/q/gone.jpg,dog\n"
    (tmp_path / "y").mkdir()
    (tmp_path / "y/labels.csv").write_text("path,label\n" + rows)
    found = read(tmp_path / "y/labels.csv")
    assert labels(found) == {f"{tmp_path}/x/p/a.jpg": "cat", f"{tmp_path}/x/q/b.jpg": "dog"}
    assert "no such file" in reasons(found)[f"{tmp_path}/x/q/gone.jpg"]


def test_named_columns_and_a_named_table(tmp_path: Path) -> None:
    table = "id,original,resized,vet,owner,use,animal\n1,x/a.jpg,photos/a.jpg,cat,dog,train,7\n2,x/b.jpg,photos/b.jpg,dog,cat,TEST,7\n"
    found = read_files(
        tmp_path / "mine",
        {"notes/all.csv": table, "labels.csv": "path,label\nphotos/a.jpg,x\nphotos/b.jpg,y\n", **TWO},
        **{"table": "notes/all.csv", "image": "resized", "label": "vet", "split": "use", "group": "animal"},
    )
    assert labels(found) == BOTH
    assert splits(found) == {"photos/a.jpg": "train", "photos/b.jpg": "test"}
    assert {image.group for image in found.images} == {"7"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"table": "all.csv"}, r"data.table is 'all.csv': .* has no such file, but labels.csv"),
        ({"table": "labels.csv", "label": "breed"}, r"labels.csv: it has no column 'breed' \(data.label\): its columns are 'path', 'vet'"),
        ({"table": "labels.csv"}, r"labels.csv: no column has the labels: set data.label to one of 'path', 'vet', 'owner'"),
        ({"table": "labels.csv", "label": "vet", "split": "owner"}, r"'owner' \(data.split\) has 'me': the names of splits are train"),
        ({}, r"labels.csv: no column has the labels: set data.label"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_table_is_said(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    table = "path,vet,owner\nphotos/a.jpg,cat,me\nphotos/b.jpg,dog,me\n"
    with pytest.raises(SourceError, match=message):
        read_files(tmp_path / "mine", {"labels.csv": table, **TWO}, **changes)


def test_an_excel_table_is_to_be_saved_as_csv(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"Save labels.xlsx as CSV"):
        read_files(tmp_path / "mine", {"labels.xlsx": "PK", **images("a.jpg", "b.jpg")})


def test_other_tables_beside_folders_do_not_matter(tmp_path: Path) -> None:
    found = read_files(
        tmp_path / "mine", {"runs.csv": "epoch,loss\n1,2\n", **images("cat/a.jpg", "dog/b.jpg")}
    )
    assert found.notes == []


def test_without_classes_the_reasons_are_said(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match=r"0 classes; at least 2(.|\n)*2 files were left out: not in the folder"
    ):
        read_files(tmp_path / "mine", images("train/cat.0.jpg", "test/dog.0.jpg"))


def test_a_row_with_too_many_cells_is_named(tmp_path: Path) -> None:
    table = "path,label\nphotos/a.jpg,cat\nphotos/b.jpg,dog, brown\n"
    with pytest.raises(SourceError, match=r"row 3 has 3 cells, but the header 2: 'photos/b.jpg,dog, brown'"):
        read_files(tmp_path / "mine", {"labels.csv": table, **TWO}, table="labels.csv")


def test_rows_and_files_that_do_not_meet_are_counted(tmp_path: Path) -> None:
    table = (
        "file_name,label\na.jpg,cat\nb.jpg,dog\ngone.jpg,cat\nc.jpg,cat\nc.jpg,dog\n"
        "d.jpg,dog\nd.jpg,dog\ne.jpg,\nf.jpg,cat\n"
    )
    files = images("a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg", "f.jpg", "unnamed.jpg", ".hidden.jpg")
    found = read_files(tmp_path / "mine", {"labels.csv": table, "readme.md": "", **files})
    assert labels(found) == {"a.jpg": "cat", "b.jpg": "dog", "d.jpg": "dog", "f.jpg": "cat"}
    assert reasons(found) == {
        "gone.jpg": "named in labels.csv, but there is no such file",
        "c.jpg": "named 2 times with different labels: cat and dog",
        "e.jpg": "no label in labels.csv",
        "unnamed.jpg": "not named in labels.csv",
        ".hidden.jpg": "hidden",
        "labels.csv": "it has the labels",
        "readme.md": "its name does not end as that of an image",
    }
    assert found.notes == [
        "The labels are those of labels.csv (table).",
        "Left out because rows give them different labels: 1 image.",
        "Left out because they have no label: 1 image.",
        "Named more than once, always with one label, and counted once: 1 image.",
        "Images that cannot be found: 1 row.",
    ]


def test_a_missing_file_is_not_replaced_by_one_of_the_same_name(tmp_path: Path) -> None:
    table = "path,label\ncats/1.jpg,cat\ncats/2.jpg,cat\ndogs/1.jpg,dog\ndogs/2.jpg,dog\n"
    found = read_files(
        tmp_path / "mine", {"labels.csv": table, **images("cats/1.jpg", "cats/2.jpg", "dogs/2.jpg")}
    )
    assert labels(found) == {"cats/1.jpg": "cat", "cats/2.jpg": "cat", "dogs/2.jpg": "dog"}
    moved = read_files(
        tmp_path / "moved", {"labels.csv": table, **images("x/cats/1.jpg", "x/cats/2.jpg", "x/dogs/2.jpg")}
    )
    assert labels(moved) == {"x/cats/1.jpg": "cat", "x/cats/2.jpg": "cat", "x/dogs/2.jpg": "dog"}


def test_kaggle(tmp_path: Path) -> None:
    files = images(*(f"{part}/{number}.png" for part in ("train", "test") for number in range(1, 7)))
    tables = {
        "train.csv": "id,label\n" + "".join(f"{n},{'frog' if n % 2 else 'ship'}\n" for n in range(1, 7)),
        "sample_submission.csv": "id,label\n" + "".join(f"{n},frog\n" for n in range(1, 7)),
    }
    found = read_files(tmp_path / "mine", {**tables, **files})
    assert labels(found) == {f"train/{n}.png": "frog" if n % 2 else "ship" for n in range(1, 7)}
    assert reasons(found)["test/1.png"] == "not named in train.csv"


def test_a_table_for_each_split(tmp_path: Path) -> None:
    row = "file_name,label\n{0}.jpg,cat\n{1}.jpg,dog\n"
    beside = {"train.csv": row.format(1, 2), "val.csv": row.format(3, 4), "test.csv": row.format(5, 6)}
    found = read_files(tmp_path / "one", {**beside, **images(*(f"all/{n}.jpg" for n in range(1, 7)))})
    assert list(splits(found).values()) == ["train", "train", "validation", "validation", "test", "test"]
    inside = {
        f"{part}/metadata.csv": "file_name,label\n1.jpg,cat\n2.jpg,dog\n" for part in ("train", "validation")
    }
    files = images(*(f"{part}/{n}.jpg" for part in ("train", "validation") for n in (1, 2)))
    found = read_files(tmp_path / "two", {**inside, **files})
    assert splits(found)["train/1.jpg"] == "train"
    assert splits(found)["validation/1.jpg"] == "validation"
    assert len(found.images) == 4


def test_several_labels_are_left_out_and_folders_win_over_them(tmp_path: Path) -> None:
    table = (
        "file_name,labels\ncat/1.jpg,fur animal\ncat/2.jpg,fur\ndog/1.jpg,animal\ndog/2.jpg,animal fur big\n"
    )
    files = images("cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/2.jpg", "dog/3.jpg")
    found = read_files(tmp_path / "mine", {"labels.csv": table + "dog/3.jpg,big fur\n", **files})
    assert set(labels(found).values()) == {"cat", "dog"}
    assert "labels.csv was not used, because it gives several labels to 3 images of 5" in found.notes[0]
    named = read_files(tmp_path / "mine", {}, table="labels.csv")
    assert labels(named) == {"cat/2.jpg": "fur", "dog/1.jpg": "animal"}
    assert reasons(named)["dog/2.jpg"] == "it has several labels: animal, big, fur"


def test_a_table_of_a_few_images_does_not_replace_folders(tmp_path: Path) -> None:
    files = images(*(f"{name}/{number}.jpg" for name in ("cat", "dog") for number in range(5)))
    found = read_files(
        tmp_path / "mine", {"best.csv": "path,label\ncat/1.jpg,nice\ndog/1.jpg,dull\n", **files}
    )
    assert set(labels(found).values()) == {"cat", "dog"}
    assert "best.csv was not used, because it gives one label to 2 images only of 10" in found.notes[0]


def test_names_with_quotes_commas_newlines_and_emoji(tmp_path: Path) -> None:
    names = ['say "hi".jpg', "a,b;c.jpg", "two\nlines.jpg", "🦊 fox.jpg", "ü" * 125 + ".jpg"]
    rows = "".join(
        '"{}",{}\n'.format(name.replace('"', '""'), "cat" if n % 2 else "dog") for n, name in enumerate(names)
    )
    found = read_files(tmp_path / "mine", {"labels.csv": "path,label\n" + rows, **images(*names)})
    assert labels(found) == {name: "cat" if number % 2 else "dog" for number, name in enumerate(names)}


def test_splits_and_groups_of_a_table_and_labels_of_folders(tmp_path: Path) -> None:
    table = "file_name,one,several,day\ncat/1.jpg,train,test,mon\ncat/2.jpg,test,train,mon\ndog/1.jpg,validation,test,tue\n"
    files = images("x/cat/1.jpg", "x/cat/2.jpg", "x/dog/1.jpg", "x/dog/2.jpg")
    changes = {"table": str(tmp_path / "parts.csv"), "split": "one", "group": "day"}
    (tmp_path / "parts.csv").write_text(table)
    found = read_files(tmp_path / "mine", files, **changes)
    assert set(labels(found).values()) == {"cat", "dog"}
    assert list(splits(found).values()) == ["train", "test", "validation", ""]
    assert [image.group for image in found.images] == ["mon", "mon", "tue", ""]


def test_an_image_in_two_splits_tests(tmp_path: Path) -> None:
    table = "path,label,split\na.jpg,cat,train\nb.jpg,dog,train\na.jpg,cat,test\nc.jpg,dog,test\n"
    found = read_files(tmp_path / "mine", {"labels.csv": table, **images("a.jpg", "b.jpg", "c.jpg")})
    assert splits(found) == {"a.jpg": "test", "b.jpg": "train", "c.jpg": "test"}
    assert "Given in two splits and put into test, else validation: 1 image." in found.notes


def test_a_table_of_test_images_alone_gives_no_split(tmp_path: Path) -> None:
    files = {"test.csv": "path,label\na.jpg,cat\nb.jpg,dog\n", **images("a.jpg", "b.jpg")}
    assert set(splits(read_files(tmp_path / "mine", files)).values()) == {""}
