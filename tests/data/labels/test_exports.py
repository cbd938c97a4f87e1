# ruff: noqa: E501  lines as the tools write them
"""What labelling tools export, through the scan of its images."""

import json
from pathlib import Path

import pytest

from tests.helpers.exports import EXPORTS, NAMES, label_studio, name_of
from tests.helpers.labelled import images, labels, read_files, reasons, splits
from tests.helpers.own_images import photo, write_files
from tests.helpers.scans import scan_source


@pytest.mark.parametrize("kind", EXPORTS)
def test_an_export_beside_its_images_is_scanned(tmp_path: Path, kind: str) -> None:
    files = {f"images/{name}": photo(n, colour=2 * (n % 2)) for n, name in enumerate(NAMES)}
    files |= {path: text.encode() for path, text in EXPORTS[kind].items()}
    found = scan_source(write_files(tmp_path / "mine", files), tmp_path)
    of_path = dict(zip(found.used["path"], found.used["label"].str.lower(), strict=True))
    assert of_path == {f"images/{name}": name_of(number) for number, name in enumerate(NAMES)}
    assert kind.partition(",")[0] in found.notes[0]


def test_splits_of_exports(tmp_path: Path) -> None:
    files = images(*(f"images/{name}" for name in NAMES))
    for kind, split, count in (
        ("CVAT", "validation", 2),
        ("Vertex AI, CSV", "test", 4),
        ("Vertex AI, JSON Lines", "test", 4),
    ):
        given = splits(read_files(tmp_path / kind, {**EXPORTS[kind], **files}))
        assert sum(one == split for one in given.values()) == count, kind
    lists = {
        "ImageSets/Main/train.txt": "4\n5\n",
        "ImageSets/Main/val.txt": "0\n1\n",
        "ImageSets/Main/red_train.txt": "4 1\n",
    }
    given = splits(read_files(tmp_path / "voc", {**EXPORTS["Pascal VOC"], **lists, **files}))
    assert given["images/0.png"] == "validation"
    assert given["images/4.png"] == "train"


def test_roboflow_classes(tmp_path: Path) -> None:
    table = "filename, cat, dog\na_jpg.rf.0a1b.jpg, 1, 0\na_jpg.rf.2c3d.jpg, 1, 0\nb_jpg.rf.4e5f.jpg, 0, 1\nc.jpg, 1, 1\nd.jpg, 0, 0\n"
    names = ["a_jpg.rf.0a1b.jpg", "a_jpg.rf.2c3d.jpg", "b_jpg.rf.4e5f.jpg", "c.jpg", "d.jpg"]
    files = {
        f"{part}/{name}": table if name == "_classes.csv" else "image"
        for part in ("train", "valid")
        for name in [*names, "_classes.csv"]
    }
    found = read_files(tmp_path / "mine", files)
    assert labels(found)["train/a_jpg.rf.0a1b.jpg"] == "cat"
    assert splits(found)["valid/b_jpg.rf.4e5f.jpg"] == "validation"
    groups = {image.file.path: image.group for image in found.images}
    assert groups["train/a_jpg.rf.0a1b.jpg"] == groups["train/a_jpg.rf.2c3d.jpg"] == "a_jpg"
    assert reasons(found)["train/c.jpg"] == "it has several labels: cat, dog"
    assert reasons(found)["train/d.jpg"] == "no label in train/_classes.csv"


def test_several_categories_in_an_image(tmp_path: Path) -> None:
    tasks = [label_studio(n) for n in range(3)]
    tasks[2]["annotations"][0]["result"][0]["value"]["choices"] = ["red", "blue"]  # type: ignore[index]
    found = read_files(tmp_path / "mine", {"p.json": json.dumps(tasks), **images(*NAMES[:3])})
    assert labels(found) == {"0.png": "red", "1.png": "blue"}
    assert reasons(found)["2.png"] == "it has several labels: blue, red"


def test_two_people_who_disagree(tmp_path: Path) -> None:
    tasks = [label_studio(n) for n in range(4)]
    tasks[3]["annotations"] += label_studio(0)["annotations"]  # type: ignore[operator]
    tasks[2]["annotations"][0]["was_cancelled"] = True  # type: ignore[index]
    found = read_files(tmp_path / "mine", {"p.json": json.dumps(tasks), **images(*NAMES[:4])})
    assert labels(found) == {"0.png": "red", "1.png": "blue"}
    assert reasons(found)["3.png"] == "named 2 times with different labels: blue and red"
    assert reasons(found)["2.png"] == "no label in p.json"


def test_the_imagenet_layout_of_cvat(tmp_path: Path) -> None:
    files = {
        **images("red/1.png", "blue/2.png", "no_label/3.png"),
        "default.txt": "red/1.png 0\n",
        "synsets.txt": "red\nblue\n",
    }
    found = read_files(tmp_path / "mine", files)
    assert labels(found) == {"red/1.png": "red", "blue/2.png": "blue"}
    assert reasons(found)["no_label/3.png"] == "its folder says that it has no label"


def test_entities_in_xml_are_not_expanded(tmp_path: Path) -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "x">]><annotations><image name="&b;"/></annotations>'
    found = read_files(tmp_path / "mine", {"annotations.xml": bomb, **images("red/1.png", "blue/2.png")})
    assert set(labels(found).values()) == {"red", "blue"}
