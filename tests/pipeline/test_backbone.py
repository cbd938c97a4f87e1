"""The pipeline with a pretrained backbone, of random weights in a file, on a folder of one's own images."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from darkroom.files import read_json
from darkroom.images.decoding import decode
from darkroom.images.resizing import to_model_input
from darkroom.serving.prediction.runtime import Graph
from tests.helpers.backbones import weights_file
from tests.helpers.checkouts import Checkout, new_checkout
from tests.helpers.own_images import colours, photo
from tests.helpers.warm_stages import run_stages, set_params

pytestmark = pytest.mark.ci
STAGES = ["source", "download", "preprocess", "tune", "train", "calibrate", "evaluate", "export", "register"]
SMALL = (
    "data.side=64",
    "model.backbone=efficientnet_lite0",
    "model.views=2",
    "data.folds=0",
    "tune.trials=3",
)
QUICK = ("evaluate.corruption_images=4", "evaluate.resamples=100")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkout, Path, str]:
    """Run the stages; return the checkout, the file of the weights, and what the stages printed."""
    folder = colours(tmp_path_factory.mktemp("own") / "colours", count=60)
    weights = weights_file(tmp_path_factory.mktemp("weights"))
    checkout = new_checkout(tmp_path_factory.mktemp("checkout") / "checkout")
    checkout.run("darkroom", "data", "use", str(folder))
    set_params(checkout.root / "params.yaml", (*SMALL, *QUICK, f"model.weights={weights}"))
    return checkout, weights, run_stages(checkout, STAGES)


def test_the_classes_are_learned_and_served(run: tuple[Checkout, Path, str]) -> None:
    root = run[0].root
    assert read_json(root / "reports/metrics.json")["test"]["accuracy"] > 0.9
    graph = Graph((root / "models/exported/model.onnx").read_bytes(), threads=1)
    new = [photo(9000 + number, colour=channel, size=(50, 40)) for number in range(5) for channel in (2, 0)]
    pixels = np.stack([to_model_input(decode(one), height=64, width=64, channels=3) for one in new])
    explained = graph.explain(pixels)
    assert explained.probabilities.argmax(1).tolist() == [0, 1] * 5
    assert read_json(root / "models/champion/model.json")["architecture"] == "efficientnet_lite0"


def test_the_trunk_is_as_it_was_in_the_file(run: tuple[Checkout, Path, str]) -> None:
    given, written = load_file(run[1]), load_file(run[0].root / "models/model.safetensors")
    trunk = {name.removeprefix("net.trunk."): value for name, value in written.items() if ".trunk." in name}
    assert trunk.keys() == given.keys()
    assert all(np.array_equal(trunk[name], value) for name, value in given.items())


def test_licence_source_and_hash_are_stated(run: tuple[Checkout, Path, str]) -> None:
    root = run[0].root
    backbone = read_json(root / "models/model_config.json")["backbone"]
    assert (backbone["name"], backbone["licence"]) == ("efficientnet_lite0", "not known")
    card = (root / "reports/model_card.md").read_text(encoding="utf-8")
    assert backbone["weights_sha256"] in card
    assert "| backbone.licence | not known |" in card
    tags = run[0].run(
        "python",
        "-c",
        "import json, mlflow, pathlib; mlflow.set_tracking_uri('sqlite:///mlflow.db'); "
        "print(mlflow.get_run(json.loads(pathlib.Path('models/run.json').read_text())['run_id']).data.tags)",
    )
    assert f"'backbone.weights_sha256': '{backbone['weights_sha256']}'" in tags.stdout


def test_there_are_no_trials_and_the_stage_says_why(run: tuple[Checkout, Path, str]) -> None:
    assert "model.backbone is efficientnet_lite0, so there are no trials" in run[2]
    assert read_json(run[0].root / "reports/tune.json") == {"trials": 0}


def test_the_same_again_takes_the_features_that_are_kept(run: tuple[Checkout, Path, str]) -> None:
    root = run[0].root
    before = (root / "models/model.safetensors").read_bytes()
    kept = {path: path.stat().st_mtime_ns for path in (root / ".checkpoints/features").rglob("*.npy")}
    run_stages(run[0], ["train"])
    assert (root / "models/model.safetensors").read_bytes() == before
    assert {path: path.stat().st_mtime_ns for path in (root / ".checkpoints/features").rglob("*.npy")} == kept
