"""Labelbox: an NDJSON file with a data row a line."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from darkroom.data.annotations.base import Annotation, ColumnNames, Document, text_of, unique, walk
from darkroom.data.annotations.columns import plain, split_of
from darkroom.data.annotations.names import is_url, looks_like_an_image


def recognises(document: Document) -> bool:
    """Whether the file's objects have a data row and projects."""
    first = next(iter(document.objects), {})
    return isinstance(first.get("data_row"), dict) and "projects" in first


def read(document: Document, settings: ColumnNames) -> Iterable[Annotation]:
    """Return a row a label: several people's of one image are several rows."""
    for line in document.objects:
        row = line["data_row"]
        names = [text_of(row.get(key)) for key in ("external_id", "global_key", "row_data")]
        image = next((name for name in names if looks_like_an_image(urlsplit(name).path)), "")
        url = names[2] if is_url(names[2]) else ""
        split = _split(line)
        labels = [
            label
            for project in line["projects"].values()
            for label in project.get("labels", [])
            if label.get("annotations")
        ]
        for label in labels:
            yield Annotation(image or names[0] or url, _names(label["annotations"]), split, url=url)
        if not labels:
            yield Annotation(image or names[0] or url, (), split, url=url)


def _names(annotations: dict[str, Any]) -> tuple[str, ...]:
    """Return the answers to the classifications of an image, or the kinds of objects in it."""
    found: list[Any] = []
    for one in annotations.get("classifications", []):
        answers = [one.get("radio_answer"), *one.get("checklist_answers", [])]
        found += [answer.get("name") or answer.get("value") for answer in answers if isinstance(answer, dict)]
    if not annotations.get("classifications"):
        found = [one.get("name") for one in annotations.get("objects", [])]
    return unique(found)


def _split(line: dict[str, Any]) -> str:
    fields = (
        one for one in walk(line.get("metadata_fields", [])) if plain(one.get("schema_name")) == "split"
    )
    return next((split_of(one.get("value")) for one in fields), "")
