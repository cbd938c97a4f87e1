"""The check on folders of images finds what it is for; the real folders are not in the repository."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.serving import encoded, random_image
from tests.images import corpus
from tests.serving.http.hostile.images import bombs, originals

PROJECT = Path(__file__).resolve().parents[2]


def write(folder: Path, **files: bytes) -> None:
    for name, data in files.items():
        (folder / name).write_bytes(data)


@pytest.mark.integration
def test_every_format_whole_and_damaged_gives_pixels_or_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "SIDES", (8, 299))  # the bombs that can be decoded take a second for each
    for number, data in enumerate([*originals(), *bombs()]):
        write(
            tmp_path,
            **{f"{number}.png": data, f"{number}-half.png": data[: len(data) // 2], f"{number}.txt": b"x"},
        )
    found = {path: corpus.outcome(path) for path in corpus.files_below(tmp_path)}
    assert {kind for kind, _ in found.values()} == {"decoded", "refused"}
    assert sum(kind == "decoded" for kind, _ in found.values()) >= len(originals())
    assert corpus.problems(found, "") == []


def test_failures_crashes_and_unexplained_refusals_are_problems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(
        tmp_path,
        **{
            "unknown.png": b"\xfe\xdc\xba\x98",
            "unknown.bin": b"\xfe\xdc\xba\x98",
            "good.png": encoded(random_image()),
        },
    )
    found = {path: corpus.outcome(path) for path in corpus.files_below(tmp_path)}
    (problem,) = corpus.problems(found, "")
    assert "unknown.png" in problem
    assert "decoders wrote" in corpus.problems({}, "TIFFFillStrip: Read error")[0]

    def fails(*_: object, **__: object) -> None:
        raise ValueError("box offset can't be negative")

    monkeypatch.setattr(corpus, "to_model_input", fails)
    assert corpus.outcome(tmp_path / "good.png") == ("failed", "ValueError: box offset can't be negative")


@pytest.mark.integration
def test_the_command_exits_with_1_where_there_is_a_problem(tmp_path: Path) -> None:
    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tests.images.corpus", str(tmp_path)]
        return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)

    write(tmp_path, **{"good.png": encoded(random_image())})
    good = run()
    assert good.returncode == 0, good.stderr
    assert "1 files, no problem" in good.stdout
    write(tmp_path, **{"unknown.png": b"\xfe\xdc\xba\x98"})
    assert run().returncode == 1
