"""The pipeline on a folder of 20 images, with the parameters that `data use` proposes for it."""

import pandas as pd
import pytest

from darkroom.files import read_json
from tests.helpers.checkouts import Checkout, new_checkout
from tests.helpers.own_images import colours
from tests.helpers.warm_stages import run_stages, set_params

pytestmark = pytest.mark.ci
STAGES = [
    *("source", "download", "preprocess", "inspect", "tune", "study", "train", "calibrate", "evaluate"),
    *("export", "register", "package"),
]
# everything else, the gate too, stays as proposed
SMALL = ("train.epochs=30", "train.patience=30", "model.widths=[16,32,32]", "model.convolutions=2")


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkout, str]:
    """Run every stage on ten red and ten blue images; return the checkout and what the stages printed."""
    folder = colours(tmp_path_factory.mktemp("own") / "few", count=10)
    checkout = new_checkout(tmp_path_factory.mktemp("checkout") / "checkout")
    checkout.run("darkroom", "data", "use", str(folder))
    set_params(checkout.root / "params.yaml", SMALL)
    return checkout, run_stages(checkout, STAGES)


def test_every_image_is_in_a_split_and_every_class_in_each(few: tuple[Checkout, str]) -> None:
    data = few[0].root / "data"
    parts = [
        pd.read_parquet(data / part / "manifest.parquet")["label"] for part in ("train", "validation", "test")
    ]
    assert sum(map(len, parts)) == 20
    assert all(labels.nunique() == 2 for labels in parts)


def test_the_gate_lets_a_model_of_few_images_pass(few: tuple[Checkout, str]) -> None:
    checkout, printed = few
    assert "version 1: promoted: there was no champion" in printed
    assert (checkout.root / "models/darkroom.bento").stat().st_size > 0
    assert read_json(checkout.root / "models/champion/model.json")["confident_from"] is None


def test_nothing_is_claimed_that_few_images_do_not_show(few: tuple[Checkout, str]) -> None:
    checkout, printed = few
    assert "too few to fit a temperature" in printed
    assert read_json(checkout.root / "models/calibration.json")["temperature"] == 1
    card = (checkout.root / "reports/model_card.md").read_text(encoding="utf-8")
    assert "test images are few: the bootstrapped intervals are too narrow" in card
    assert "fewer than 30 validation images" in card
    assert "nan" not in card.lower()
