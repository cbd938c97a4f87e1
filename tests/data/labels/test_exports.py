# ruff: noqa: E501  lines as the tools write them
"""What labelling tools export, each in the shape that the tool writes, through the scan of its images."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.helpers.labelled import images, labels, read_files, reasons, splits
from tests.helpers.own_images import photo, write_files
from tests.helpers.scans import scan_source

NAMES = [f"{number}.png" for number in range(12)]


def name_of(number: int) -> str:
    return ("red", "blue")[number % 2]


def lines(one: Callable[[int], object]) -> str:
    return "\n".join(json.dumps(one(number)) for number in range(12))


def label_studio(number: int) -> dict[str, object]:
    choice = {
        "type": "choices",
        "from_name": "c",
        "to_name": "image",
        "value": {"choices": [name_of(number)]},
    }
    return {
        "id": number + 1,
        "data": {"image": f"/data/upload/3/0f1e2d3c-{NAMES[number]}"},
        "annotations": [{"id": 7, "was_cancelled": False, "result": [choice]}],
    }


def label_studio_local(number: int) -> dict[str, object]:
    task = label_studio(number)
    return task | {"data": {"image": f"/data/local-files/?d=set%2Fimages/{NAMES[number]}"}}


def flat(number: int) -> dict[str, object]:
    return {"image": f"/data/upload/3/0f1e2d3c-{NAMES[number]}", "id": number, "choice": name_of(number), "annotator": 1, "annotation_id": number, "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "lead_time": 2.5}  # fmt: skip


def labelbox(number: int) -> dict[str, object]:
    answer = {"name": name_of(number).title(), "value": name_of(number)}
    annotations = {"objects": [], "classifications": [{"name": "Colour", "value": "colour", "radio_answer": answer}], "relationships": []}  # fmt: skip
    return {
        "data_row": {"id": f"clx{number}", "external_id": NAMES[number], "row_data": f"https://storage.labelbox.com/x%2F{number}"},
        "media_attributes": {"height": 20, "width": 24},
        "projects": {"cl1": {"name": "p", "labels": [{"label_kind": "Default", "annotations": annotations}]}},
    }  # fmt: skip


def sagemaker(number: int) -> dict[str, object]:
    return {
        "source-ref": f"s3://bucket/images/{NAMES[number]}",
        "colour": number % 2,
        "colour-metadata": {"class-name": name_of(number), "confidence": 0.9, "type": "groundtruth/image-classification", "human-annotated": "yes", "job-name": "labeling-job/colour"},
    }  # fmt: skip


def vertex_lines(number: int) -> dict[str, object]:
    use = {"aiplatform.googleapis.com/ml_use": "test" if number < 4 else "training"}
    label = {"displayName": name_of(number)}
    return {
        "imageGcsUri": f"gs://b/images/{NAMES[number]}",
        "classificationAnnotation": label,
        "dataItemResourceLabels": use,
    }


def coco() -> str:
    return json.dumps(
        {
            "info": {},
            "images": [{"id": n, "file_name": name, "width": 24, "height": 20} for n, name in enumerate(NAMES)],
            "annotations": [{"id": n, "image_id": n // 2, "category_id": 1 + n // 2 % 2, "bbox": [0, 0, 5, 5]} for n in range(24)],
            "categories": [{"id": 0, "name": "colours", "supercategory": "none"}, {"id": 1, "name": "red"}, {"id": 2, "name": "blue"}],
        }
    )  # fmt: skip


def voc(number: int) -> str:
    inside = f"<object><name>{name_of(number)}</name><bndbox><xmin>1</xmin></bndbox></object>" * 2
    return f"<annotation><folder>x</folder><filename>{NAMES[number]}</filename><size><width>24</width></size>{inside}</annotation>"


def cvat(inside: str) -> str:
    tags = "".join(
        f'<image id="{n}" name="{name}" width="24" height="20" subset="{"Validation" if n < 2 else "Train"}">'
        + inside.replace("{}", name_of(n))
        + "</image>"
        for n, name in enumerate(NAMES)
    )
    return f'<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version><meta/>{tags}</annotations>'


TAG, BOX = '<tag label="{}" source="manual"></tag>', '<box label="{}" xtl="1" ytl="1" xbr="2" ybr="2"></box>'
FLAT_HEADER = list(flat(0))
EXPORTS: dict[str, Mapping[str, str]] = {
    "Label Studio": {"project-1.json": json.dumps([label_studio(n) for n in range(12)])},
    "Label Studio, local files": {"project-1.json": json.dumps([label_studio_local(n) for n in range(12)])},
    "Label Studio, JSON-MIN": {"project-1.json": json.dumps([flat(n) for n in range(12)])},
    "Label Studio, CSV": {
        "project-1.csv": "\n".join([",".join(FLAT_HEADER), *(",".join(map(str, flat(n).values())) for n in range(12))])
    },
    "CVAT": {"annotations.xml": cvat(TAG)},
    "CVAT, boxes": {"annotations.xml": cvat(BOX * 2)},
    "Labelbox": {"export.ndjson": lines(labelbox)},
    "SageMaker": {"output.manifest": lines(sagemaker)},
    "Vertex AI, CSV": {
        "import.csv": "\n".join(f"{'TEST' if n < 4 else 'UNASSIGNED'},gs://b/images/{NAMES[n]},{name_of(n)}" for n in range(12))
    },
    "Vertex AI, CSV without use": {"import.csv": "\n".join(f"gs://b/images/{NAMES[n]},{name_of(n)}" for n in range(12))},
    "Vertex AI, JSON Lines": {"import.jsonl": lines(vertex_lines)},
    "COCO": {"annotations/instances_default.json": coco()},
    "Pascal VOC": {f"Annotations/{n}.xml": voc(n) for n in range(12)},
    "LabelMe": {
        f"images/{n}.json": json.dumps({"version": "5.0", "flags": {}, "imagePath": NAMES[n], "imageData": None, "shapes": [{"label": name_of(n), "points": []}]})
        for n in range(12)
    },
}  # fmt: skip


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
