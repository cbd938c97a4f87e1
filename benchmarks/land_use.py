"""A checkout with the land-use images in the parts that were published: `make bench-multilabel DATA=FOLDER`.

    python -m benchmarks.land_use --data FOLDER --into NEW_FOLDER [--labels one | several]

FOLDER has land-use.zip (UC Merced's 21 classes, and labels.csv with 17 labels) and land-use-splits.csv (the
parts of the AiTLAS Benchmark Arena, columns file_name, one_label and several_labels). The images are unpacked
into NEW_FOLDER/land-use; NEW_FOLDER/checkout is a clone of this repository's last commit in which `dvc repro
preprocess backbone` has run. What is there already is kept.
"""

import argparse
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd

from darkroom.config import load_params
from darkroom.files import write_table
from pipeline import ROOT


def unpacked(data: Path, into: Path) -> Path:
    """Unpack the images into `into`/land-use, write published.csv beside them, and return that folder."""
    images = into / "land-use"
    if not (images / "labels.csv").is_file():
        with zipfile.ZipFile(data / "land-use.zip") as archive:
            archive.extractall(into)
    return images


def published(images: Path, parts: pd.DataFrame, labels: str) -> pd.DataFrame:
    """Return a table of the images: file_name, labels and split, as `darkroom data use` reads it.

    `labels` is one for the class of each image's folder, several for all of its labels.
    """
    table = pd.read_csv(images / "labels.csv").merge(parts, on="file_name")
    if labels == "one":
        table["labels"] = table["file_name"].str.split("/").str[0]
    table["split"] = table["one_label" if labels == "one" else "several_labels"]
    return table[["file_name", "labels", "split"]]


def main() -> None:
    """Make the checkout, or complete it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--labels", choices=("one", "several"), default="several")
    arguments = parser.parse_args()
    data, into = arguments.data.resolve(), arguments.into.resolve()
    into.mkdir(parents=True, exist_ok=True)
    images = unpacked(data, into)
    parts = pd.read_csv(data / "land-use-splits.csv")
    write_table(images / "published.csv", published(images, parts, arguments.labels))
    checkout = into / "checkout"
    if not checkout.is_dir():
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(checkout)], check=True)
    environment = os.environ | {"PYTHONPATH": str(checkout / "src")}
    use = ["darkroom", "data", "use", str(images), "--table", "published.csv", "--name", "land-use"]
    run(checkout, [*use, "--labels", arguments.labels], environment)
    if load_params(checkout / "params.yaml").model.backbone == "none":
        sys.exit("the weights of the backbone are not installed, so none was proposed: make install-backbone")
    run(checkout, ["dvc", "repro", "preprocess", "backbone"], environment)


def run(checkout: Path, module: list[str], environment: dict[str, str]) -> None:
    """Run a module of Python in the checkout."""
    subprocess.run([sys.executable, "-m", *module], cwd=checkout, env=environment, check=True)


if __name__ == "__main__":
    main()
