"""The preprocess stage merges corrections and reports them."""

import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from darkroom.data.splits import open_split
from darkroom.files import read_json, sha256_file
from tests.helpers.checkouts import Checkout, new_checkout
from tests.helpers.corrections import put_correction
from tests.helpers.serving import encoded, random_image
from tests.helpers.warm_stages import set_params


@pytest.fixture(scope="module")
def digits(digits_run: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Return a checkout with the digits as they were downloaded, not split yet."""
    checkout = new_checkout(tmp_path_factory.mktemp("digits") / "checkout")
    set_params(checkout.root / "params.yaml", ["data.name=digits", "evaluate.duplicate_similarity=0.99"])
    (checkout.root / "data").mkdir(exist_ok=True)
    shutil.copytree(digits_run.root / "data/raw", checkout.root / "data/raw")
    shutil.copyfile(digits_run.root / "data/source.json", checkout.root / "data/source.json")
    return checkout


def test_the_stage_merges_corrections_and_reports_them(digits: Checkout, digits_run: Checkout) -> None:
    root, before = digits.root, digits_run.root
    (root / "corrections/cifar10/dog").mkdir(parents=True)
    (root / "corrections/cifar10/dog/other data.png").write_bytes(b"ignored")
    test, train = open_split(before / "data/test"), open_split(before / "data/train")
    flipped = np.array(train.images[5][::-1])  # upside down: a new image
    folder = root / "corrections/digits"
    new = put_correction(folder, encoded(Image.fromarray(flipped[..., 0]).resize((80, 80))), "7")
    known = put_correction(folder, encoded(np.array(test.images[0])), "7")
    printed = digits.stage("preprocess")
    assert "2 corrections: 1 taken, 0 relabels, 1 refused" in printed
    after = open_split(root / "data/train")
    assert len(after) == len(train) + 1
    np.testing.assert_array_equal(after.images[:-1], train.images)
    assert after.labels[-1] == 7
    for part in ("test", "validation"):
        for name in ("images.npy", "labels.npy", "manifest.parquet"):
            assert sha256_file(root / "data" / part / name) == sha256_file(before / "data" / part / name)
    rows = pd.read_parquet(root / "data/train/manifest.parquet")
    assert rows.iloc[-1][["source", "correction", "source_index"]].tolist() == ["correction", new, -1]
    assert set(rows["source"].iloc[:-1]) == {"data"}
    meta, report = read_json(root / "data/meta.json"), read_json(root / "reports/data.json")
    assert meta["corrections"] == 1
    assert meta["corrections_sha256"] == report["corrections"]["sha256"]
    assert meta["train"] == len(after)
    listed = pd.read_csv(root / "reports/corrections.csv").set_index("sha256")
    assert (listed.loc[known, "outcome"], listed.loc[known, "split"]) == ("refused", "test")


def test_an_unknown_class_stops_the_stage_with_a_message(digits: Checkout) -> None:
    unknown = digits.root / "corrections/digits/eleven"
    put_correction(unknown.parent, encoded(random_image()), "eleven")
    try:
        done = digits.run("python", "-m", "pipeline.preprocess", check=False)
    finally:
        for path in (*unknown.iterdir(), unknown):
            path.unlink() if path.is_file() else path.rmdir()
    assert done.returncode == 1
    assert "'eleven' is not a class" in done.stderr
    assert "Traceback" not in done.stderr
