"""Reading a folder of corrections."""

from pathlib import Path

import pytest

from darkroom.data.corrections.reading import CorrectionError
from tests.helpers.corrections import blocks, merge_folder, outcomes, put_correction
from tests.helpers.serving import encoded


def test_files_that_cannot_be_corrections_are_named(tmp_path: Path) -> None:
    put_correction(tmp_path, encoded(blocks(1)), "bird")
    put_correction(tmp_path, encoded(blocks(2)), "cat")
    put_correction(tmp_path, encoded(blocks(2)), "dog")
    (tmp_path / "loose.png").write_bytes(b"x")
    with pytest.raises(CorrectionError) as caught:
        merge_folder(tmp_path)
    message = str(caught.value)
    for problem in (
        "'bird' is not a class",
        "loose.png: not in the folder of a class",
        "is also in cat",
        "The classes are cat, dog",
    ):
        assert problem in message


def test_a_file_that_cannot_be_decoded_is_refused_with_the_reason(tmp_path: Path) -> None:
    cut = put_correction(tmp_path, encoded(blocks(1))[:60])
    merged = merge_folder(tmp_path)
    assert outcomes(merged) == {cut: "refused"}
    assert "cannot be read: " in merged.outcomes["reason"].iloc[0]
