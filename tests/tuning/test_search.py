"""A search belongs to its parameters, data and code."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from darkroom.config import override
from darkroom.data.splits import Split, write_split
from darkroom.tuning.search import Places, Search, prepare_search
from tests.helpers.tuning import params_of


def search_of(folder: Path, changes: dict[str, Any] | None = None, label: int = 0) -> Search:
    """Prepare a search over two images, the second with `label`."""
    split = Split(np.zeros((2, 8, 8, 1), np.uint8), np.array([0, label]))
    for part in ("train", "validation"):
        write_split(folder / part, split, pd.DataFrame({"source_index": [0, 1]}))
    places = Places(folder, folder, folder / "checkpoints", f"sqlite:///{folder}/studies.db", "")
    return prepare_search(override(params_of(), changes or {}), places)


@pytest.mark.parametrize(
    "changes",
    [
        {"tune": {"trials": 99}},
        {"tune": {"minutes": 3.0}},
        {"tune": {"workers": 2, "engine": "ray", "dead_after": 9}},
        {"train": {"epochs": 99}},
        {"train": {"threads": 1}},
        {"train": {"patience": 5}},
    ],
)
def test_a_study_continues_with_another_budget(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert search_of(tmp_path, changes).study == search_of(tmp_path).study


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 9},
        {"tune": {"epochs": 2}},
        {"tune": {"pruner": "median"}},
        {"train": {"learning_rate": 0.05}},
    ],
    ids=["seed", "epochs", "pruner", "learning rate"],
)
def test_other_parameters_begin_another_study(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert search_of(tmp_path, changes).study != search_of(tmp_path).study


def test_other_data_begin_another_study(tmp_path: Path) -> None:
    search, other = search_of(tmp_path), search_of(tmp_path, label=1)
    assert search.study != other.study
    assert search.study.startswith("digits-")
    assert search.folder != other.folder
    assert search.folder.parent == tmp_path / "checkpoints"
