"""The pipeline on a folder of one's own images: from `data use` to a packaged model with its classes."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from darkroom.files import read_json
from darkroom.images.decoding import decode
from darkroom.images.resizing import to_model_input
from darkroom.serving.prediction.runtime import Graph
from tests.helpers.checkouts import Checkout, new_checkout
from tests.helpers.own_images import colours, photo, write_files
from tests.helpers.warm_stages import run_stages, set_params

pytestmark = pytest.mark.integration
STAGES = ["source", "download", "preprocess", "tune", "train", "calibrate", "evaluate", "export"]
SMALL = (
    *(
        "data.side=16",
        "train.epochs=6",
        "train.patience=6",
        "train.low_resolutions=[]",
        "train.batch_size=20",
    ),
    *("model.widths=[16,32,32]", "model.convolutions=2", "model.views=1", "tune.trials=0", "tune.space={}"),
    *("evaluate.corruption_images=20", "evaluate.resamples=100"),
)


@pytest.fixture(scope="module")
def own_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkout, Path]:
    """Run the stages on a folder of red and blue images, some of them damaged."""
    folder = colours(tmp_path_factory.mktemp("own") / "Meine Bilder (ä)", count=60)
    write_files(folder, {"red/broken.jpg": b"\xff\xd8\xff", "red/.DS_Store": b"", "blue/LIES MICH.txt": b"x"})
    checkout = new_checkout(tmp_path_factory.mktemp("checkout") / "checkout")
    checkout.run("darkroom", "data", "use", str(folder))
    set_params(checkout.root / "params.yaml", SMALL)
    run_stages(checkout, STAGES)
    return checkout, folder


def test_the_classes_are_learned_and_served(own_run: tuple[Checkout, Path]) -> None:
    root = own_run[0].root
    assert read_json(root / "data/meta.json")["classes"] == ["blue", "red"]
    assert read_json(root / "reports/metrics.json")["test"]["accuracy"] > 0.9
    card = (root / "reports/model_card.md").read_text(encoding="utf-8")
    assert "meine-bilder-a" in card
    graph = Graph((root / "models/exported/model.onnx").read_bytes(), threads=1)
    new = [photo(9000 + number, colour=channel, size=(50, 40)) for number in range(5) for channel in (2, 0)]
    pixels = np.stack([to_model_input(decode(one), height=16, width=16, channels=3) for one in new])
    assert graph.explain(pixels).probabilities.argmax(1).tolist() == [0, 1] * 5


def test_what_was_left_out_is_reported(own_run: tuple[Checkout, Path]) -> None:
    left_out = pd.read_csv(own_run[0].root / "reports/left_out.csv").set_index("path")["reason"]
    assert set(left_out.index) == {"red/broken.jpg", "red/.DS_Store", "blue/LIES MICH.txt"}


def test_the_splits_are_disjoint_and_name_the_files(own_run: tuple[Checkout, Path]) -> None:
    checkout, folder = own_run
    rows = {
        part: pd.read_parquet(checkout.root / f"data/{part}/manifest.parquet")
        for part in ("train", "validation", "test")
    }
    paths = [path for table in rows.values() for path in table["path"]]
    assert len(set(paths)) == len(paths) == 120
    assert all((folder / path).is_file() for path in paths)


def test_a_changed_folder_is_noticed_and_an_unchanged_one_is_not(own_run: tuple[Checkout, Path]) -> None:
    checkout, folder = own_run
    checkout.run("dvc", "commit", "--force", *STAGES[:3])
    printed = checkout.run("dvc", "repro", "preprocess").stdout
    assert re.findall("Running stage '(.*)'", printed) == ["source"]
    write_files(folder, {"red/new.png": photo(7000, colour=0)})
    printed = checkout.run("dvc", "repro", "download").stdout
    assert re.findall("Running stage '(.*)'", printed) == ["source", "download"]
    assert "121 images of 2 classes" in printed
