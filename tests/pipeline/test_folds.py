"""The stage `folds` on images of one's own: with and without a cross-validation, stopped and continued."""

import io
import json
import signal
import sys

import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

from darkroom.files import read_json
from darkroom.reporting.model_card.results import cross_validation
from tests.helpers.checkouts import Checkout, new_checkout
from tests.helpers.corrections import put_correction
from tests.helpers.own_images import colours, photo, write_files
from tests.helpers.signals import printed_by, stop_when, to_process
from tests.helpers.warm_stages import run_stages, set_params

pytestmark = pytest.mark.ci
SMALL = (
    *(
        "data.side=16",
        "train.epochs=4",
        "train.patience=4",
        "train.low_resolutions=[]",
        "train.batch_size=20",
    ),
    *("model.widths=[16,32,32]", "model.convolutions=2", "model.views=1", "tune.trials=0", "tune.space={}"),
    *("train.precision=fp32", "train.threads=1"),
)
TABLE, REPORT = "models/out_of_fold.parquet", "reports/folds.json"
WITHOUT_FOLDS = """
import runpy, sys
runpy.run_module("pipeline.folds", run_name="__main__")
print("imported:", *sorted({"torch", "mlflow", "sklearn"} & set(sys.modules)))
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Prepare red and blue images, each of the first ten with two copies, and a correction."""
    folder = colours(tmp_path_factory.mktemp("own") / "two colours", count=40)
    for name in ("red", "blue"):
        originals = {number: (folder / name / f"{number}.png").read_bytes() for number in range(10)}
        write_files(folder, {f"{name}/copy {number}.png": content for number, content in originals.items()})
        write_files(folder, {f"{name}/again {number}.png": content for number, content in originals.items()})
    checkout = new_checkout(tmp_path_factory.mktemp("checkout") / "checkout")
    checkout.run("darkroom", "data", "use", str(folder))
    assert "folds: 5" in (checkout.root / "params.yaml").read_text(encoding="utf-8")
    set_params(checkout.root / "params.yaml", [*SMALL, "data.folds=3"])
    put_correction(checkout.root / "corrections/two-colours", photo(7000, colour=0), "red")
    run_stages(checkout, ["source", "download", "preprocess", "tune"])
    return checkout


@pytest.fixture(scope="module")
def folds_run(own: Checkout) -> tuple[str, bytes, bytes]:
    """Run the stage; return what it printed, and its table and report as bytes."""
    return own.stage("folds"), (own.root / TABLE).read_bytes(), (own.root / REPORT).read_bytes()


def test_without_folds_it_ends_at_once(own: Checkout) -> None:
    params = own.root / "params.yaml"
    before = params.read_bytes()
    try:
        set_params(params, ["data.folds=0"])
        printed = own.run(sys.executable, "-c", WITHOUT_FOLDS).stdout
    finally:
        params.write_bytes(before)
    assert printed.splitlines()[-1] == "imported:"
    assert read_json(own.root / REPORT) == {"folds": 0}
    assert len(pd.read_parquet(own.root / TABLE)) == 0
    assert not list(own.root.glob(".checkpoints/folds-*"))


def test_every_image_is_predicted_once_and_copies_are_in_one_fold(
    own: Checkout, folds_run: tuple[str, bytes, bytes]
) -> None:
    table, report = pd.read_parquet(io.BytesIO(folds_run[1])), json.loads(folds_run[2])
    manifests = {
        name: pd.read_parquet(own.root / "data" / name / "manifest.parquet")
        for name in ("train", "validation")
    }
    assert len(table) == report["images"] == sum(map(len, manifests.values()))
    for name, manifest in manifests.items():
        rows = table[table["split"] == name]
        assert rows["path"].tolist() == manifest["path"].tolist()
        assert rows["label"].tolist() == manifest["label"].tolist()
    assert (manifests["train"]["unit"] == "").sum() == 1, "the correction"
    hashes = pd.concat(manifests.values())["sha256"].to_numpy()
    assert (table.groupby(hashes)["fold"].nunique() == 1).all()
    assert report["units"] == len(set(hashes)) < report["images"]
    assert report["folds"] == len(report["each"]) == 3
    assert 0.8 < report["accuracy"] <= 1
    assert report["accuracy_low"] < report["accuracy"] <= report["accuracy_high"]
    assert f"cross-validated accuracy {report['accuracy']:.2%}" in folds_run[0]
    assert "3 nets" in cross_validation(report)
    assert not list(own.root.glob(".checkpoints/folds-*")), "nothing is left that nobody needs"
    client = MlflowClient(f"sqlite:///{own.root / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("two-colours")
    assert experiment is not None
    logged = client.search_runs([experiment.experiment_id], "tags.stage = 'folds'")[-1]
    assert logged.data.metrics["folds.accuracy"] == pytest.approx(report["accuracy"])
    files = {file.path for file in client.list_artifacts(logged.info.run_id)}
    assert files == {"out_of_fold.parquet", "folds.json"}


def test_a_stopped_stage_goes_on_at_its_fold_and_ends_the_same(
    own: Checkout, folds_run: tuple[str, bytes, bytes]
) -> None:
    ended = stop_when(
        own,
        (sys.executable, "-m", "pipeline.folds"),
        lambda: "fold 2/3  epoch  1/4" in printed_by(own),
        to_process(signal.SIGTERM),
    )
    assert ended.code == -signal.SIGTERM, ended.printed
    assert "of fold 2 of 3; `dvc repro` goes on from there" in ended.printed
    assert "Traceback" not in ended.printed
    printed = own.stage("folds")
    assert "fold 1/3  kept from the run before" in printed
    assert "fold 1/3  epoch" not in printed
    assert "fold 2/3  epoch  1/4" not in printed, "it goes on from the checkpoint"
    assert [(own.root / name).read_bytes() for name in (TABLE, REPORT)] == [*folds_run[1:]]
