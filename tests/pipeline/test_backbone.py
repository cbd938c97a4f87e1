"""The pipeline with a pretrained backbone, of random weights in a file, on a folder of one's own images."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from darkroom.config import read_yaml
from darkroom.files import read_json
from darkroom.images.decoding import decode
from darkroom.images.resizing import to_model_input
from darkroom.registry import reproduction
from darkroom.registry.store import RegistryError
from darkroom.serving.prediction.runtime import Graph
from tests.helpers.backbones import weights_file
from tests.helpers.checkouts import Checkout, new_checkout
from tests.helpers.own_images import colours, photo
from tests.helpers.warm_stages import run_stages, set_params

pytestmark = pytest.mark.ci
STAGES = [
    *("source", "download", "preprocess", "backbone", "tune", "train", "calibrate", "evaluate", "export"),
    "register",
]
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
    lineage = run[0].run("darkroom", "lineage", "champion").stdout
    assert backbone["weights_sha256"] in lineage
    assert "The licence of the backbone's weights is not known" in run[2]
    assert "The licence of the backbone's weights is not known" in card


def test_there_are_no_trials_and_the_stage_says_why(run: tuple[Checkout, Path, str]) -> None:
    assert "model.backbone is efficientnet_lite0, so there are no trials" in run[2]
    assert read_json(run[0].root / "reports/tune.json") == {"trials": 0}


@pytest.mark.slow
def test_the_same_again_takes_the_features_that_are_kept(run: tuple[Checkout, Path, str]) -> None:
    root = run[0].root
    before = (root / "models/model.safetensors").read_bytes()
    kept = {path: path.stat().st_mtime_ns for path in (root / ".checkpoints/features").rglob("*.npy")}
    run_stages(run[0], ["train"])
    assert (root / "models/model.safetensors").read_bytes() == before
    assert {path: path.stat().st_mtime_ns for path in (root / ".checkpoints/features").rglob("*.npy")} == kept


def test_changed_weights_are_noticed_and_a_version_is_reproduced_without_their_file(
    run: tuple[Checkout, Path, str], tmp_path: Path
) -> None:
    checkout, weights, _ = run
    root, original = checkout.root, weights.read_bytes()
    sha256 = read_json(root / "models/model_config.json")["backbone"]["weights_sha256"]

    def kept() -> str:
        """Run the stage as `dvc repro` does; return DVC's hash of the weights, on which others depend."""
        checkout.run("dvc", "repro", "-s", "backbone")
        (out,) = read_yaml(root / "dvc.lock")["stages"]["backbone"]["outs"]
        return str(out["md5"])

    first = kept()
    changed = {name: np.asarray(value + 1) for name, value in load_file(weights).items()}
    try:
        save_file(changed, weights)
        assert kept() != first, "the next `dvc repro` trains again"
        weights.write_bytes(original)
        assert kept() == first
        weights.unlink()
        into = new_checkout(tmp_path / "again").root
        hashes = read_json(root / "reports/data.json")["sha256"]
        (into / "params.yaml").write_bytes((root / "params.yaml").read_bytes())
        checkout.run("dvc", "commit", "-f", "download", "preprocess")
        reproduction.fetch_data(root, root / "dvc.lock", hashes, into)
        reproduction.fetch_backbone(sha256, into)
        assert read_json(into / "models/backbone/about.json")["sha256"] == sha256
        with pytest.raises(RegistryError, match=r"dvc checkout: other weights.*model\.weights: its message"):
            reproduction.fetch_backbone("0" * 64, into)
        weights.write_bytes(original)
        with pytest.raises(RegistryError, match=f"model\\.weights: the SHA-256 of those weights is {sha256}"):
            reproduction.fetch_backbone("0" * 64, into)
    finally:
        weights.write_bytes(original)


@pytest.mark.slow
def test_a_version_is_reproduced_to_the_bit(run: tuple[Checkout, Path, str], tmp_path: Path) -> None:
    printed = run[0].run("darkroom", "reproduce", "champion", "--into", str(tmp_path / "again")).stdout
    assert "weights: the same to the bit" in printed
    assert "the same" in printed.split("metrics:")[1]


def test_fine_tuning_within_minutes_beats_the_linear_layer_or_leaves_it(
    run: tuple[Checkout, Path, str],
) -> None:
    root = run[0].root
    written, linear = (root / "params.yaml").read_bytes(), load_file(root / "models/model.safetensors")
    adam = ("train.optimizer=adam", "train.learning_rate=0.0005", "train.epochs=2", "train.minutes=60")
    try:
        set_params(root / "params.yaml", ("model.tune_backbone=last", *adam))
        printed = run_stages(run[0], ["train"])
    finally:
        (root / "params.yaml").write_bytes(written)
    report = read_json(root / "reports/train.json")
    assert report["plan"] == {"tune_backbone": "last", "epochs": 2}
    assert "train.minutes is 60: 2 epochs of last" in printed
    kept = report["fine_tuning"]["kept"]
    assert read_json(root / "models/model_config.json")["tune_backbone"] == ("last" if kept else "none")
    tuned = load_file(root / "models/model.safetensors")
    assert all(np.array_equal(tuned[name], value) for name, value in linear.items()) != kept


def test_without_a_backbone_the_stage_ends_at_once(tmp_path: Path) -> None:
    checkout = new_checkout(tmp_path / "checkout")
    assert checkout.stage("backbone") == "model.backbone is none: no pretrained weights\n"
    assert read_json(checkout.root / "models/backbone/about.json") == {"name": "none"}


def test_missing_weights_end_the_stage_with_what_helps(tmp_path: Path) -> None:
    checkout = new_checkout(tmp_path / "checkout")
    set_params(checkout.root / "params.yaml", (*SMALL, "model.weights=mine.safetensors", "tune.space={}"))
    done = checkout.run("python", "-m", "pipeline.backbone", check=False)
    assert done.returncode == 1
    assert "model.weights is mine.safetensors, but there is no file" in done.stderr
    assert "Traceback" not in done.stderr
