"""Corrections are added to the training images, relabel one, or are refused."""

from pathlib import Path

import numpy as np

from tests.helpers.corrections import blocks, merge_folder, outcomes, put_correction, splits
from tests.helpers.serving import encoded, random_image


def test_corrections_are_added_at_the_end_as_the_service_decodes_them(tmp_path: Path) -> None:
    exact, photo = (
        put_correction(tmp_path, encoded(blocks(1)), "dog"),
        put_correction(tmp_path, encoded(random_image(90, 160), "JPEG")),
    )
    merged = merge_folder(tmp_path)
    assert outcomes(merged) == {exact: "taken", photo: "taken"}
    before = splits()["train"]
    np.testing.assert_array_equal(merged.train.images[:6], before.images)
    np.testing.assert_array_equal(merged.train.labels[:6], before.labels)
    assert list(merged.files) == ["", "", "", "", "", "", *sorted((exact, photo))]
    place = list(merged.files).index(exact)
    np.testing.assert_array_equal(merged.train.images[place], blocks(1))
    assert merged.train.labels[place] == 1
    assert (merged.summary["found"], merged.summary["taken"], merged.summary["refused"]) == (2, 2, 0)
    assert len(merged.summary["sha256"]) == 64


def test_without_corrections_the_training_images_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*")
    for folder in (tmp_path, tmp_path / "none"):
        merged = merge_folder(folder)
        assert merged.summary == {}
        assert len(merged.outcomes) == 0
        assert merged.train.images.tobytes() == splits()["train"].images.tobytes()
        assert set(merged.files) == {""}


def test_a_correction_that_equals_a_training_image_gives_it_its_class(tmp_path: Path) -> None:
    train = splits()["train"].images
    same = put_correction(tmp_path, encoded(train[2]), "cat")
    other = put_correction(tmp_path, encoded(train[4]), "dog")
    merged = merge_folder(tmp_path)
    assert outcomes(merged) == {same: "refused", other: "relabels"}
    assert list(merged.train.labels) == [0, 1, 0, 1, 1, 1]
    assert [number for number, file in enumerate(merged.files) if file] == [4]
    assert "which was cat" in str(merged.outcomes.set_index("sha256").loc[other, "reason"])


def test_equal_corrections_are_added_once_or_refused_where_their_classes_differ(tmp_path: Path) -> None:
    twins = [put_correction(tmp_path, encoded(blocks(1), kind), "cat", f".{kind}") for kind in ("PNG", "BMP")]
    rivals = [
        put_correction(tmp_path, encoded(blocks(2), kind), name, f".{kind}")
        for kind, name in (("PNG", "cat"), ("BMP", "dog"))
    ]
    merged = merge_folder(tmp_path)
    assert outcomes(merged) == {
        min(twins): "taken",
        max(twins): "refused",
        **dict.fromkeys(rivals, "refused"),
    }
    reasons = merged.outcomes.set_index("sha256")["reason"]
    assert f"the same image as correction {rivals[1][:12]}, of dog" == reasons[rivals[0]]
