# ruff: noqa: E501  lines as the tools write them
"""What labelling tools export for twelve images, half of them red, each in the shape that the tool writes."""

import json
from collections.abc import Callable, Mapping

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
