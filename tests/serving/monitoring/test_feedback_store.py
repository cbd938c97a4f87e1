"""The feedback folder: intact after crashes, without duplicates, of bounded size."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from darkroom.serving.errors import RequestError
from darkroom.serving.monitoring.feedback_store import FeedbackStore
from darkroom.serving.settings import read_settings
from tests.helpers.serving import encoded, random_image

IMAGE, OTHER = encoded(random_image()), encoded(random_image(seed=2), "JPEG")


def store_in(folder: Path, *, limit: int = 1_000_000) -> FeedbackStore:
    return FeedbackStore(folder / "new" / "feedback", limit=limit)


def keep(
    store: FeedbackStore, content: bytes = IMAGE, label: str | None = "cat", image_format: str = "PNG"
) -> bool:
    return store.keep(content, image_format=image_format, label=label, details={"predicted": "dog"})


def lines(store: FeedbackStore) -> list[dict[str, Any]]:
    return [json.loads(line) for line in store.lines.read_text(encoding="utf-8").splitlines()]


def stored_images(store: FeedbackStore) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (store.folder / "images").iterdir()}


def test_an_image_is_kept_unchanged_with_a_line(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    assert keep(store)
    assert keep(store, OTHER, "größe", image_format="MPO")
    names = [hashlib.sha256(IMAGE).hexdigest() + ".png", hashlib.sha256(OTHER).hexdigest() + ".jpg"]
    assert stored_images(store) == {names[0]: IMAGE, names[1]: OTHER}
    first, second = lines(store)
    assert first == {
        "image": "images/" + names[0],
        "sha256": names[0][:64],
        "bytes": len(IMAGE),
        "class": "cat",
        "predicted": "dog",
    }
    assert second["class"] == "größe"


def test_a_label_is_kept_once_per_image_and_other_labels_beside_it(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    assert [keep(store, label=label) for label in ("cat", "cat", None, None, "cat")] == [
        True,
        False,
        True,
        False,
        False,
    ]
    later = store_in(tmp_path)  # another process, or the next start
    assert not keep(later)
    assert keep(later, label="bird")
    assert not keep(store, label="bird")  # written by the other
    assert [line["class"] for line in lines(store)] == ["cat", None, "bird"]
    assert len(stored_images(store)) == 1


def test_part_of_a_line_from_a_crash_does_not_affect_other_lines(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    keep(store)
    with open(store.lines, "ab") as file:
        file.write(b'{"image": "images/12')
    for reader in (store, store_in(tmp_path)):
        assert not keep(reader)
    assert keep(store, OTHER)
    kept, torn, after = store.lines.read_bytes().splitlines()
    assert torn == b'{"image": "images/12'
    assert json.loads(kept)["bytes"] == len(IMAGE)
    assert json.loads(after)["bytes"] == len(OTHER)
    assert not keep(store_in(tmp_path), OTHER)


def test_a_failure_before_the_line_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_in(tmp_path)
    real = os.fsync

    def fail(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(RequestError, match=r"No space left on device\)\. Nothing was kept") as caught:
        keep(store)
    assert (caught.value.status, caught.value.code) == (507, "feedback_failed")
    assert stored_images(store) == {}
    assert store.lines.read_bytes() == b""
    monkeypatch.setattr(os, "fsync", real)
    assert keep(store)


def test_the_folder_never_exceeds_its_limit(tmp_path: Path) -> None:
    store = store_in(tmp_path, limit=len(IMAGE) + 600)
    assert keep(store)
    for reader in (store, store_in(tmp_path, limit=len(IMAGE) + 600)):
        with pytest.raises(RequestError, match=r"review it, or set DARKROOM_FEEDBACK_MB") as caught:
            keep(reader, OTHER * 3)
        assert (caught.value.status, caught.value.code) == (507, "feedback_full")
    assert not keep(store)  # the same feedback again needs no room
    assert len(stored_images(store)) == len(lines(store)) == 1
    store.lines.unlink()  # the operator reviewed and removed it
    assert keep(store)
    assert len(lines(store)) == 1


@pytest.mark.integration  # takes seconds
def test_several_processes_share_one_folder(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from darkroom.serving.monitoring.feedback_store import FeedbackStore\n"
        "store = FeedbackStore(Path(sys.argv[1]), limit=10**7)\n"
        "fields = {'image_format': 'PNG', 'label': 'cat', 'details': {}}\n"
        "print(sum(store.keep(b'%d' % (i % 60), **fields) for i in range(120)))"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": "src"}
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) for _ in range(3)]
    kept = [int(process.communicate(timeout=60)[0]) for process in started]
    assert sum(kept) == 60
    store = FeedbackStore(tmp_path, limit=10**7)
    assert (
        len({line["sha256"] for line in lines(store)}) == len(lines(store)) == len(stored_images(store)) == 60
    )


def test_the_folder_and_its_size_are_settings() -> None:
    settings = read_settings({"DARKROOM_FEEDBACK": "/data/feedback", "DARKROOM_FEEDBACK_MB": "5"}, cores=1)
    assert (settings.feedback, settings.feedback_bytes) == (Path("/data/feedback"), 5_000_000)
    assert read_settings({}, cores=1).feedback is None
    with pytest.raises(ValueError, match=r"DARKROOM_FEEDBACK is 'here'; needed: the path of a folder"):
        read_settings({"DARKROOM_FEEDBACK": "here"}, cores=1)
