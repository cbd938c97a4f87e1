"""Values are written into params.yaml as a person would: all else stays."""

from pathlib import Path

import pytest

from darkroom.config import ParamsError, load_params
from darkroom.config.writing import write_params
from tests.helpers.checkouts import PROJECT
from tests.helpers.warm_stages import set_params


@pytest.fixture
def params(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_bytes((PROJECT / "params.yaml").read_bytes())
    return path


def test_only_the_values_change(params: Path) -> None:
    before = params.read_text(encoding="utf-8").splitlines()
    write_params(params, {"train.epochs": 3, "train.low_resolutions": [], "tune.trials": 1})
    after = params.read_text(encoding="utf-8").splitlines()
    assert len(before) == len(after)
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert [new.split("#")[0].strip() for _, new in changed] == [
        "epochs: 3",
        "low_resolutions: []",
        "trials: 1",
    ]
    assert all(old.partition("#")[2] == new.partition("#")[2] for old, new in changed)
    assert load_params(params).train.epochs == 3


def test_what_does_not_fit_together_is_not_written(params: Path) -> None:
    before = params.read_bytes()
    with pytest.raises(ParamsError, match=r"train\.optimizer is muon"):
        write_params(params, {"model.architecture": "classic"})
    with pytest.raises(ParamsError, match=r"no train\.epoch"):
        write_params(params, {"train.epoch.s": 1})
    assert params.read_bytes() == before


@pytest.mark.parametrize(
    "source", ["/Bilder (ä) #1 日本/it's", "C:\\photos: new", "~/a b", "-x", "[x]", "no"]
)
def test_a_source_of_any_name_is_read_back(params: Path, source: str) -> None:
    write_params(params, {"data.name": "mine", "data.source": source})
    assert load_params(params).data.source == source


def test_lists_in_lines_of_their_own_are_replaced(params: Path) -> None:
    """`dvc exp run -S` writes them so."""
    set_params(params, ["model.widths=[8,8,8]", "train.low_resolutions=[10,10]", "data.side=[16,40]"])
    assert "  - 16" in params.read_text()
    write_params(params, {"model.widths": [16, 32, 64], "train.low_resolutions": [], "data.side": 20})
    found = load_params(params)
    assert (found.model.widths, found.train.low_resolutions, found.data.size) == ((16, 32, 64), (), (20, 20))
    assert "# fast and classic: channels of each block" in params.read_text()
