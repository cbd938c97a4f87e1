"""Classes and splits from folders, as people have them."""

from collections.abc import Iterable

import pytest

from darkroom.data.labels import folders
from darkroom.data.storage import StoredFile
from tests.helpers.own_images import settings


class Names:
    """A storage of names alone."""

    name, place = "names", "/names"

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = list(paths)

    def files(self) -> Iterable[StoredFile]:
        return (StoredFile(path, 1, "1") for path in self.paths)

    def read(self, path: str) -> bytes:
        raise AssertionError("folders have no file to be read")


def read(*paths: str) -> tuple[dict[str, tuple[str, str]], dict[str, str], list[str]]:
    """Return label and split by path, the reason by path of what is left out, and the notes."""
    storage = Names(paths)
    files = list(storage.files())
    found = folders.read(storage, files, settings())  # type: ignore[arg-type]  # a list is enough
    labels = {image.file.path: (image.label, image.split) for image in found.images}
    return labels, {file.path: reason for file, reason in found.left_out}, found.notes


def test_a_folder_is_a_class_and_deeper_ones_belong_to_it() -> None:
    labels, left_out, notes = read("cat/1.jpg", "cat/old/2.JPEG", "dog/1.png", "README.md", "stray.jpg")
    assert labels == {"cat/1.jpg": ("cat", ""), "cat/old/2.JPEG": ("cat", ""), "dog/1.png": ("dog", "")}
    assert left_out == {
        "README.md": "its name does not end as that of an image",
        "stray.jpg": "not in the folder of a class",
    }
    assert notes == []


@pytest.mark.parametrize(
    ("above", "split"),
    [
        ("training", "train"),
        ("Val", "validation"),
        ("valid", "validation"),
        ("validation", "validation"),
        ("dev", "validation"),
        ("TEST", "test"),
        ("testing", "test"),
        ("eval", "test"),
    ],
)
def test_the_usual_names_of_splits(above: str, split: str) -> None:
    labels, _, _ = read("hands/train/0/a.jpg", "hands/train/1/a.jpg", f"hands/{above}/0/b.jpg")
    assert labels[f"hands/{above}/0/b.jpg"] == ("0", split)


def test_splits_inside_the_classes() -> None:
    labels, _, _ = read("cat/train/1.jpg", "cat/test/2.jpg", "dog/train/1.jpg", "dog/test/2.jpg")
    assert labels["dog/test/2.jpg"] == ("dog", "test")
    assert labels["cat/train/1.jpg"] == ("cat", "train")


def test_a_class_named_train_among_others_is_a_class() -> None:
    labels, _, _ = read("train/1.jpg", "bus/1.jpg", "tram/1.jpg")
    assert labels["train/1.jpg"] == ("train", "")


def test_folders_above_the_classes_and_hidden_files_do_not_matter() -> None:
    labels, left_out, _ = read(
        *("a/b/cat/1.jpg", "a/b/dog/1.jpg", "a/LICENSE", "a/b/.ipynb_checkpoints/1.jpg"),
        *("__MACOSX/a/._1.jpg", "a/b/cat/Thumbs.db", "a/b/cat/._1.jpg"),
    )
    assert labels == {"a/b/cat/1.jpg": ("cat", ""), "a/b/dog/1.jpg": ("dog", "")}
    assert {path for path, reason in left_out.items() if reason == "hidden"} == {
        *("a/b/.ipynb_checkpoints/1.jpg", "__MACOSX/a/._1.jpg", "a/b/cat/Thumbs.db", "a/b/cat/._1.jpg")
    }


def test_spellings_of_one_class() -> None:
    labels, _, notes = read(
        *("train/Caf\u00e9/1.jpg", "train/Caf\u00e9/2.jpg", "test/Cafe\u0301/3.jpg"),
        *("train/Dog/1.jpg", "train/Dog/2.jpg", "test/dog /3.jpg", "train/a/1.jpg", "train/A/1.jpg"),
    )
    assert labels["test/Cafe\u0301/3.jpg"] == ("Caf\u00e9", "test")
    assert labels["test/dog /3.jpg"] == ("Dog", "test")
    assert labels["train/a/1.jpg"][0] == "a"
    assert labels["train/A/1.jpg"][0] == "A"
    text = "\n".join(notes)
    assert "'Dog', 'dog ' are one class: 'Dog'" in text
    assert "'A', 'a' differ only in case and are kept apart" in text
    assert "The given test images have none of A, a." in text
