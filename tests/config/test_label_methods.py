"""Parameters of several labels: structures and heads are refused where they have no part."""

from pathlib import Path
from typing import Any

import pytest

from darkroom.config import Params, load_params, override
from darkroom.config.messages import ParamsError

SEVERAL: dict[str, Any] = {
    "data": {"name": "own", "source": "images", "labels": "several"},
    "train": {"loss": "binary_cross_entropy", "best_by": "average_precision"},
    "tune": {"trials": 0, "space": {}},
    "model": {"backbone": "efficientnet_lite0", "views": 2},
}


def changed(**changes: Any) -> Params:
    """Return params.yaml as for several labels, with changes by section."""
    sections = {name: {**SEVERAL.get(name, {}), **changes.get(name, {})} for name in {*SEVERAL, *changes}}
    return override(load_params(Path(__file__).resolve().parents[2] / "params.yaml"), sections)


def test_structures_and_embedding_heads_go_with_several_labels() -> None:
    assert changed(model={"structure": "crf", "head": "cca"}).model.structure == "crf"
    assert changed().model.structure == "none"


def test_a_structure_is_refused_with_one_label() -> None:
    params = load_params(Path(__file__).resolve().parents[2] / "params.yaml")
    with pytest.raises(ParamsError, match=r"model\.structure is crf.*set model\.structure=none"):
        override(params, {"model": {"structure": "crf"}})


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [("loss", "lsep", "binary_cross_entropy"), ("class_weights", "balanced", "none")],
)
def test_a_head_with_its_own_loss_is_refused_with_another(name: str, value: str, right: str) -> None:
    with pytest.raises(
        ParamsError, match=rf"train\.{name} is {value}, .*model\.head wsabie, .* set train\.{name}={right}"
    ):
        changed(model={"head": "wsabie"}, train={name: value})


def test_a_structure_cannot_be_searched() -> None:
    space = {"model": {"structure": {"choices": ["none", "crf"]}}}
    with pytest.raises(ParamsError, match="cannot be searched: it is fitted after training"):
        changed(tune={"space": space})


def test_vectors_of_labels_are_for_devise_alone() -> None:
    assert changed(model={"head": "devise", "label_vectors": "glove.txt"}).model.label_vectors == "glove.txt"
    with pytest.raises(
        ParamsError, match=r"model\.label_vectors is glove\.txt, .* but model\.head is cca: set"
    ):
        changed(model={"head": "cca", "label_vectors": "glove.txt"})
