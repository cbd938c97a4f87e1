"""The whole line on a small source of every kind: from `data use` to a packaged champion."""

import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from darkroom.files import read_json
from tests.helpers.checkouts import Checkout, new_checkout
from tests.helpers.exports import EXPORTS, NAMES, name_of
from tests.helpers.own_images import photo, write_files
from tests.helpers.site import site
from tests.helpers.warm_stages import run_stages, set_params

pytestmark = [pytest.mark.integration, pytest.mark.slow]
STAGES = [
    *("source", "download", "preprocess", "inspect", "tune", "study", "train", "calibrate", "evaluate"),
    *("export", "register", "package"),
]
SMALL = (
    *("data.side=16", "data.smallest_class=2", "data.test_fraction=0.3", "data.validation_fraction=0.3"),
    *("train.epochs=1", "train.patience=1", "train.low_resolutions=[]", "train.batch_size=2"),
    *("model.widths=[8,8,8]", "model.convolutions=2", "model.views=1", "tune.trials=0", "tune.space={}"),
    *("evaluate.corruption_images=4", "evaluate.resamples=100", "gate.min_accuracy=0"),
    *("gate.min_class_recall=0", "gate.max_calibration_error=1", "gate.max_milliseconds=0"),
)
IMAGES = {name: photo(number, colour=2 * (number % 2)) for number, name in enumerate(NAMES)}
ROWS = pd.DataFrame(
    {"file_name": [f"images/{name}" for name in NAMES], "label": [name_of(number) for number in range(12)]}
)


def folders(prefix: str = "") -> dict[str, bytes]:
    """Return the files of a folder for each class."""
    return {f"{prefix}{name_of(number)}/{name}": IMAGES[name] for number, name in enumerate(NAMES)}


def table(folder: Path, name: str, content: bytes) -> Path:
    """Write the images and a table of them."""
    return write_files(folder, {f"images/{one}": data for one, data in IMAGES.items()} | {name: content})


def parquet(folder: Path) -> Path:
    file = io.BytesIO()
    ROWS.to_parquet(file)
    return table(folder, "labels.parquet", file.getvalue())


def archive(folder: Path, kind: str) -> Path:
    files = write_files(folder / "files", folders())
    return Path(shutil.make_archive(str(folder / "set"), kind, files))


def webdataset(folder: Path) -> Path:
    folder.mkdir()
    with tarfile.open(folder / "train-000000.tar", "w") as tar:
        for number, name in enumerate(NAMES):
            for suffix, content in (("png", IMAGES[name]), ("cls", b"%d" % (number % 2))):
                member = tarfile.TarInfo(f"{number:06d}.{suffix}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return folder


def images_in_parquet(folder: Path) -> Path:
    folder.mkdir()
    rows = [
        {"image": {"bytes": IMAGES[name], "path": name}, "label": name_of(n)} for n, name in enumerate(NAMES)
    ]
    pd.DataFrame(rows).to_parquet(folder / "train-00000-of-00001.parquet")
    return folder


def kaggle(folder: Path) -> Path:
    """Write a contest's table of ids without a suffix, with the images in a folder beside it."""
    rows = "".join(f"{name.removesuffix('.png')},{name_of(n)}\n" for n, name in enumerate(NAMES))
    return write_files(
        folder,
        {"train.csv": f"id,label\n{rows}".encode()} | {f"train/{one}": data for one, data in IMAGES.items()},
    )


KINDS: dict[str, Callable[[Path], Path]] = {
    "folders": lambda folder: write_files(folder, folders()),
    "split folders": lambda folder: write_files(folder, folders("train/") | folders_of_others()),
    "CSV": lambda folder: table(folder, "labels.csv", ROWS.to_csv(index=False).encode()) / "labels.csv",
    "CSV of a spreadsheet": lambda folder: table(
        folder, "labels.csv", ROWS.to_csv(index=False, sep=";", lineterminator="\r\n").encode("utf-8-sig")
    ),
    "TSV": lambda folder: table(folder, "labels.tsv", ROWS.to_csv(index=False, sep="\t").encode()),
    "JSON Lines": lambda folder: table(
        folder, "metadata.jsonl", ROWS.to_json(orient="records", lines=True).encode()
    ),
    "Parquet": parquet,
    "zip": lambda folder: archive(folder, "zip"),
    "tar.gz": lambda folder: archive(folder, "gztar"),
    "WebDataset": webdataset,
    "images in Parquet": images_in_parquet,
    "a contest's table": kaggle,
}


def folders_of_others() -> dict[str, bytes]:
    """Return the files of a folder named test with other images."""
    return {
        f"test/{name_of(number)}/{name}": photo(50 + number, colour=2 * (number % 2))
        for number, name in enumerate(NAMES[:4])
    }


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Return one checkout for all sources, as people have it who try several."""
    return new_checkout(tmp_path_factory.mktemp("checkout") / "checkout")


def run(checkout: Checkout, source: str, name: str, classes: list[str]) -> None:
    """Run every stage on a source and check that its champion is packaged with its classes."""
    checkout.run("darkroom", "data", "use", source)
    set_params(checkout.root / "params.yaml", [*SMALL, f"data.name={name}"])
    run_stages(checkout, STAGES)
    about = read_json(checkout.root / "models/champion/model.json")
    assert [one.lower() for one in about["classes"]] == classes
    listed = checkout.run("darkroom", "list", "--name", name, "--json").stdout
    assert "champion" in listed
    splits = [
        len(pd.read_parquet(checkout.root / f"data/{one}/manifest.parquet"))
        for one in ("train", "validation", "test")
    ]
    assert min(splits) > 0
    assert sum(splits) in (12, 16)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_source_ends_in_a_champion(checkout: Checkout, tmp_path: Path, kind: str) -> None:
    classes = ["0", "1"] if kind == "WebDataset" else ["blue", "red"]
    run(checkout, str(KINDS[kind](tmp_path / "mine")), f"set-{list(KINDS).index(kind)}", classes)


@pytest.mark.parametrize("kind", EXPORTS)
def test_every_export_ends_in_a_champion(checkout: Checkout, tmp_path: Path, kind: str) -> None:
    files = {f"images/{name}": data for name, data in IMAGES.items()}
    files |= {path: text.encode() for path, text in EXPORTS[kind].items()}
    name = f"export-{list(EXPORTS).index(kind)}"
    run(checkout, str(write_files(tmp_path / "mine", files)), name, ["blue", "red"])


def test_a_web_server_ends_in_a_champion(checkout: Checkout, tmp_path: Path) -> None:
    with site(archive(tmp_path, "zip").parent) as server:
        run(checkout, f"{server.url}/set.zip", "web", ["blue", "red"])
