"""Vectors of labels are read from GloVe's and word2vec's text and from .npz, and what is missing is named."""

from pathlib import Path

import numpy as np
import pytest
import torch

from darkroom import UserError
from darkroom.models.label_vectors import keep_label_vectors, kept_label_vectors, read_label_vectors

GLOVE = "car 3 4\nfire truck 0 2\ntennis 1 0\ncourt 0 1\nother 9 9\n"


@pytest.mark.parametrize("text", [GLOVE, "5 2\n" + GLOVE, GLOVE.replace(" 3", "\t3")])
def test_text_is_read_as_it_is_published(tmp_path: Path, text: str) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(text, encoding="utf-8")
    found = read_label_vectors(path, ["Car", "fire truck", "tennis-court"])
    half = 0.5**0.5
    torch.testing.assert_close(found, torch.tensor([[0.6, 0.8], [0.0, 1.0], [half, half]]).double())


@pytest.mark.parametrize("by_name", [True, False])
def test_an_npz_has_an_array_a_label_or_names_and_vectors(tmp_path: Path, by_name: bool) -> None:
    path = tmp_path / "vectors.npz"
    vectors = {"car": np.array([0.0, 5.0]), "bus": np.array([2.0, 0.0])}
    if by_name:
        np.savez(path, **vectors)  # type: ignore[arg-type]
    else:
        np.savez(path, names=np.array(list(vectors)), vectors=np.stack(list(vectors.values())))
    assert read_label_vectors(path, ["bus", "car"]).tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("car 1 2\n", r"has no vector of 2 of 3 labels: bus, fire truck; add them"),
        ("car 1 2\nbus 1\nfire truck 1 2\n", r"has no vector of 1 of 3 labels: bus; add them"),
        ("car one\n", r"cannot be read: its first line ends with 'one', which is no number"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        read_label_vectors(path, ["car", "bus", "fire truck"])


def test_vectors_of_different_lengths_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "vectors.npz"
    np.savez(path, car=np.ones(3), bus=np.ones(2))
    with pytest.raises(UserError, match=r"have 2 and 3 numbers: give each as many"):
        read_label_vectors(path, ["car", "bus"])


def test_the_stage_backbone_keeps_a_copy_and_the_stage_train_reads_it(tmp_path: Path) -> None:
    (tmp_path / "vectors.txt").write_text(GLOVE, encoding="utf-8")
    keep_label_vectors("vectors.txt", tmp_path / "kept", root=tmp_path)
    (tmp_path / "vectors.txt").unlink()
    vectors = kept_label_vectors("vectors.txt", ["car"], tmp_path / "kept")
    assert vectors is not None
    assert vectors.tolist() == [[0.6, 0.8]]
    assert kept_label_vectors("", ["car"], tmp_path / "kept") is None
    with pytest.raises(UserError, match="there is no file"):
        keep_label_vectors("vectors.txt", tmp_path / "kept", root=tmp_path)
