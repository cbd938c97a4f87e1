"""Which parameters go with several labels of an image."""

from typing import Any

import pytest

from darkroom.config import ParamsError, parse_params, read_yaml
from darkroom.config.trees import merge
from tests.helpers.training import PARAMS

SEVERAL: dict[str, Any] = merge(
    read_yaml(PARAMS),
    {
        "data": {"labels": "several", "source": "photos", "name": "photos"},
        "train": {"loss": "binary_cross_entropy", "best_by": "average_precision"},
    },
)


@pytest.mark.parametrize("trials", [0, 12])
def test_several_labels_are_trained_and_searched(trials: int) -> None:
    params = parse_params(merge(SEVERAL, {"tune": {"trials": trials}}))
    assert (params.data.labels, params.tune.trials) == ("several", trials)


@pytest.mark.parametrize(
    ("section", "name", "value", "advice"),
    [
        ("train", "best_by", "accuracy", "set train.best_by=average_precision"),
        ("train", "loss", "cross_entropy", "set train.loss to one of binary_cross_entropy"),
        ("train", "use_validation", True, "set train.use_validation=false"),
        ("train", "processes", 2, "set train.processes=1"),
        ("calibrate", "views", "auto", "set calibrate.views=all"),
        ("data", "folds", 5, "set data.folds=0"),
    ],
)
def test_what_does_not_go_with_several_labels_is_refused(
    section: str, name: str, value: Any, advice: str
) -> None:
    with pytest.raises(ParamsError) as caught:
        parse_params(merge(SEVERAL, {section: {name: value}}))
    assert advice in str(caught.value)
