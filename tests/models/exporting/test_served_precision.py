"""The precision that is served: measured, and chosen within its bounds."""

import numpy as np
import pytest

from darkroom.models.exporting.served_precision import choose_served_precision, reduced_parity
from darkroom.serving.prediction.runtime import Graph, computes_in_bf16
from tests.helpers.models import Exported, split_of


def test_bf16_is_measured_with_the_runtime_that_serves(exported: Exported) -> None:
    split = split_of(exported.shape)
    report = reduced_parity(exported.graph, split)
    content = exported.graph.read_bytes()
    if report is None:
        assert not computes_in_bf16()
        assert Graph(content, precision="bf16").precision == "fp32"
        return
    served = Graph(content, precision="bf16")
    assert served.precision == "bf16"
    full, reduced = Graph(content).run(split.images), served.run(split.images)
    moved = np.abs(full - reduced).max(axis=1)
    assert 0 < moved.max() < 0.1  # it does compute differently, and not by much
    assert report["mean_difference"] == pytest.approx(moved.mean(), abs=1e-3)
    assert report["worst_difference"] == pytest.approx(moved.max(), abs=1e-2)
    assert report["same_class"] >= 0.9


GOOD = {"same_class": 0.998, "mean_difference": 0.003, "worst_difference": 0.1, "accuracy_change": 0.0}


@pytest.mark.parametrize(
    ("name", "report", "chosen", "why"),
    [
        ("auto", GOOD, "bf16", "99.80% of the predictions stay the same"),
        ("bf16", GOOD, "bf16", "move by 0.003"),
        ("fp32", GOOD, "fp32", "set in params.yaml"),
        ("auto", None, "fp32", "does not compute in bf16"),
        ("auto", GOOD | {"same_class": 0.994}, "fp32", "99.40%"),
        ("auto", GOOD | {"mean_difference": 0.011}, "fp32", "0.011"),
        ("auto", GOOD | {"mean_difference": float("nan")}, "fp32", "nan"),
    ],
)
def test_bf16_is_served_only_within_its_bounds(
    name: str, report: dict[str, float] | None, chosen: str, why: str
) -> None:
    precision, reason = choose_served_precision(name, report, same_class=0.995, difference=0.01)
    assert precision == chosen
    assert why in reason


@pytest.mark.parametrize("report", [None, GOOD | {"same_class": 0.5}])
def test_requested_bf16_that_is_out_of_bounds_is_an_error(report: dict[str, float] | None) -> None:
    with pytest.raises(ValueError, match=r"set export\.precision=auto or fp32"):
        choose_served_precision("bf16", report, same_class=0.995, difference=0.01)
