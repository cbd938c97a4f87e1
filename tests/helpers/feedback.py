"""Feedback as the service stores it, its review and its export."""

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from darkroom.cli.main import main as darkroom
from darkroom.feedback.decisions import Review, decide
from darkroom.feedback.store import read_items, save_decisions
from darkroom.files import sha256_file
from darkroom.serving.monitoring.feedback_store import FeedbackStore
from tests.helpers.serving import encoded, random_image

CLASSES = ["cat", "dog", "a/b: c"]


def report(folder: Path, seed: int, *labels: str | None, kind: str = "PNG", predicted: str = "dog") -> str:
    """Store reports of an image as the service does, one for each label; return its SHA-256."""
    about: dict[str, Any] = {"time": f"2026-01-01T00:00:{seed % 60:02}+00:00", "predicted": predicted}
    about |= {"probability": 0.5, "model": {"name": "animals", "version": "3"}}
    content = encoded(random_image(seed=seed), kind)
    store = FeedbackStore(folder, limit=10**9)
    for label in labels:
        assert store.keep(content, image_format=kind, label=label, details=about)
    return next(item.sha256 for item in read_items(folder) if item.file.read_bytes() == content)


def report_sets(folder: Path, seed: int, *sets: str, predicted: str = '["dog"]') -> str:
    """Store reports of an image with several labels, one for each set; return its SHA-256."""
    about: dict[str, Any] = {"time": f"2026-01-01T00:00:{seed % 60:02}+00:00", "predicted": predicted}
    about |= {"labels": "several", "probability": 0.5, "model": {"name": "animals", "version": "3"}}
    content = encoded(random_image(seed=seed))
    store = FeedbackStore(folder, limit=10**9)
    for text in sets:
        assert store.keep(content, image_format="PNG", label=text, details=about)
    return next(item.sha256 for item in read_items(folder) if item.file.read_bytes() == content)


def decide_and_save(folder: Path, sha256: str, action: str, label: str | None = None) -> int:
    """Decide on an image; return how many decisions were new: 1 or 0."""
    review = Review(items=read_items(folder), classes=CLASSES, reviewer="me")
    return save_decisions(folder, [decide(review, sha256, action, label)])


def exported(folder: Path) -> dict[str, str]:
    """Return the folder of each exported image by its SHA-256; check that each is whole and there once."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len({path.stem for path in files}) == len(files), "an image was exported twice"
    assert all(sha256_file(path) == path.stem for path in files)
    return {path.stem: str(path.parent.relative_to(folder)) for path in files}


def command(*arguments: str | Path, check: bool = True) -> str:
    """Run `python -m darkroom feedback` in this process; return what it prints, or its error message."""
    words = ["feedback", *map(str, arguments)]
    if not check:
        with pytest.raises(SystemExit) as caught:
            darkroom(words)
        return str(caught.value)
    printed = StringIO()
    with redirect_stdout(printed):
        darkroom(words)
    return printed.getvalue()
