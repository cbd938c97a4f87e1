"""COCO: a JSON file with images, annotations and categories."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from darkroom.data.annotations.base import Annotation, AnnotationError, ColumnNames, Document, text_of, unique


def recognises(document: Document) -> bool:
    """Whether the file has the three lists of COCO."""
    value = document.json
    return isinstance(value, dict) and all(
        isinstance(value.get(name), list) for name in ("images", "annotations", "categories")
    )


def read(document: Document, settings: ColumnNames) -> Iterable[Annotation]:
    """Return a row an image: the set of the categories in it."""
    value = document.json
    try:
        names = {one["id"]: one["name"] for one in value["categories"]}
        inside: dict[Any, list[Any]] = defaultdict(list)
        for one in value["annotations"]:
            inside[one["image_id"]].append(names[one["category_id"]])
        return [
            Annotation(
                text_of(image["file_name"]), unique(inside[image["id"]]), url=text_of(image.get("coco_url"))
            )
            for image in value["images"]
        ]
    except (KeyError, TypeError) as error:
        raise AnnotationError(f"it is no whole COCO file: {error} is missing or unknown") from error
