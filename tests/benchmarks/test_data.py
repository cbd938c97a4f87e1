"""The benchmark of loading images runs to its end at a tiny size; `make bench-data` measures."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from benchmarks import data
from benchmarks.data_images import make, photograph, unpack
from benchmarks.loaders import BATCH, SIDE, checked, decoded, square
from darkroom.files import read_json
from darkroom.images.decoding import decode
from darkroom.images.resizing import to_model_input
from pipeline import ROOT


def benchmark(results: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks.data", "--images", "128", "--archives", "--no-growth"]
    command += ["--repeats", "1", "--results", str(results), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_ours_and_torchvision_give_the_same_number_of_batches(tmp_path: Path) -> None:
    peers = ("--peers", sys.executable)  # this environment has torchvision too
    printed = benchmark(tmp_path / "data.json", "--loaders", "ours", "decoder", "torchvision", *peers)
    results = read_json(tmp_path / "data.json")
    runs = {run["loader"]: run for run in results["runs"]}
    assert [len(runs[name]["epochs"]) for name in ("ours", "decoder", "torchvision")] == [3, 1, 3]
    assert {row["images"] for name in ("ours", "torchvision") for row in runs[name]["epochs"]} == {2 * BATCH}
    first = runs["ours"]["epochs"][0]
    assert first["scanned"] == 128 + 2 * 20
    assert first["seconds"] == pytest.approx(sum(part["seconds"] for part in first["parts"].values()))
    assert all(run["with_files"] >= run["memory"] > 0 for run in runs.values())
    assert "made: first epoch," in printed
    assert "of decoder alone" in printed


@pytest.mark.parametrize("loader", [name for name in data.OTHERS if name != "torchvision"])
def test_another_loader_gives_the_agreed_batches(loader: str, tmp_path: Path) -> None:
    if not data.PEERS.is_file():
        pytest.skip("the other loaders are not installed: make bench-data installs them")
    benchmark(tmp_path / "data.json", "--loaders", loader, "--later", "1")
    (run,) = read_json(tmp_path / "data.json")["runs"]
    assert [row["images"] for row in run["epochs"]] == [2 * BATCH, 2 * BATCH]


def test_an_image_is_nearly_the_same_by_torchvision_and_by_ours() -> None:
    file = io.BytesIO()
    # the middle square of 500x375 begins between two pixels, where ours alone begins too
    decode(photograph(0)).crop((0, 0, 499, 375)).save(file, "JPEG", quality=90)
    theirs = square(file.getvalue()).permute(1, 2, 0).int()
    side = theirs.shape[0]
    ours = to_model_input(decode(file.getvalue()), height=side, width=side, channels=3)
    assert (theirs - torch.from_numpy(ours.copy()).int()).abs().max() <= 3
    assert decoded(file.getvalue()).shape == (3, SIDE, SIDE)


def test_another_kind_of_batch_is_refused() -> None:
    assert checked(torch.zeros(BATCH, 3, SIDE, SIDE)) == BATCH
    with pytest.raises(ValueError, match=r"a batch is torch.uint8 \[64, 3, 224, 224\], not float32"):
        checked(torch.zeros(BATCH, 3, SIDE, SIDE, dtype=torch.uint8))


def test_made_images_are_of_every_class_in_every_split(tmp_path: Path) -> None:
    make(tmp_path, 30, workers=2)
    counts = {part: len(list((tmp_path / part).glob("*/*.jpg"))) for part in ("train", "val", "test")}
    assert counts == {"train": 30, "val": 20, "test": 20}
    files = [path.read_bytes() for path in tmp_path.rglob("*.jpg")]
    assert len(set(files)) == 70
    assert decode(files[0]).size == (500, 375)


def test_an_archive_is_unpacked_by_class(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as file:
        for name in (
            "a/1.jpg",
            "a/2.JPG",
            "a/3.jpeg",
            "b/1.jpg",
            "b/2.jpg",
            "b/3.jpg",
            "b/4.jpg",
            "labels.csv",
        ):
            file.writestr(f"some/{name}", name)
    unpack(tmp_path / "some.zip", tmp_path / "all", most=100)
    found = {path.relative_to(tmp_path / "all").as_posix() for path in (tmp_path / "all").rglob("*.*")}
    held_out = {"val/a/2.JPG", "test/a/3.jpeg", "val/b/2.jpg", "test/b/3.jpg"}
    assert found == {"train/a/1.jpg", "train/b/1.jpg", "train/b/4.jpg"} | held_out
    unpack(tmp_path / "some.zip", tmp_path / "few", most=4)
    assert len([path for path in (tmp_path / "few").rglob("*.*") if path.is_file()]) == 4


def run(loader: str, first: float, later: tuple[float, ...], **more: Any) -> dict[str, Any]:
    epochs = [{"seconds": s, "cpu_seconds": 2 * s, "images": 100} for s in (first, *later)]
    epochs[0] |= more
    return {"source": "made", "loader": loader, "epochs": epochs, "memory": 5e8, "with_files": 6e8}


def test_the_medians_are_compared_with_the_fastest_of_each_kind() -> None:
    scan = {"parts": {"scan": {"seconds": 5.0, "cpu_seconds": 8.0}}, "scanned": 100}
    runs = [
        *(run("ours", first, (1.0, 1.0), **scan) for first in (9.0, 10.0, 50.0)),
        run("decoder", 4.0, ()),
        run("torchvision", 15.0, (12.0, 14.0)),
        run("timm", 20.0, (20.0, 20.0)),
        run("litdata-pixels", 20.0, (2.0, 2.0)),
    ]
    rows = data.summarise(runs)
    assert [row["first"] for row in rows] == [10.0, 25.0, pytest.approx(100 / 15), 5.0, 5.0]
    lines = data.table(rows).splitlines()
    assert lines[2] == "| 100 made | ours | 10 | 100 | 200.00 ms | 20.00 ms | 500 MB | 600 MB |"
    assert lines[3] == "| 100 made | decoder | 25 | – | 80.00 ms | – | 500 MB | 600 MB |"
    said = data.ratios(rows)
    assert "first epoch, 1.50 times the fastest that keeps JPEGs, torchvision (by CPU time 1.50)" in said
    assert "later epochs, 2.00 times the fastest that keeps pixels, litdata-pixels" in said
    assert "the scan is 0.80 of decoder alone (by CPU time 1.00); the goal is 0.8." in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--loaders", "ours", "tfds"], "--loaders has tfds: there are ours, decoder"),
        (["--loaders", "timm", "--peers", "nowhere/python"], "nowhere/python is missing"),
        (["--images", "0", "--archives"], "nothing to load"),
        (["--images", "100"], "--images is 100: at least 128"),
    ],
)
def test_what_cannot_be_measured_is_said(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["data", "--peers", sys.executable, *arguments])
    with pytest.raises(SystemExit, match=message):
        data.main()


def test_memory_of_files_is_told_apart() -> None:
    memory, with_files = data.resident(psutil.Process())
    assert 0 < memory <= with_files
