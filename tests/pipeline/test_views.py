"""The stage `calibrate` with calibrate.views=auto: what is evaluated later is what is served."""

import numpy as np
import pytest
import torch
from scipy.special import softmax

from darkroom.data.splits import Split
from darkroom.evaluation import view_bound
from darkroom.evaluation.calibration_fit import fit_calibration
from darkroom.models.inference import predict_logits
from pipeline.calibrate import choose_views
from tests.helpers.models import classifier_of, random_arrays

CPU = torch.device("cpu")


def test_the_logits_it_keeps_are_those_of_the_answers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(view_bound, "MOST_CHANGED", 0.2)  # of random images and weights many change
    images = random_arrays(60, (8, 8, 1))
    classifier = classifier_of("fast", views=6)
    every = predict_logits(classifier, Split(images, np.zeros(60, np.int64)), device=CPU, progress=False)
    split = Split(images, every.argmax(1).astype(np.int64))
    before = fit_calibration(every, split.labels, confident_accuracy=0.9, held_out=True)
    logits, calibration = choose_views(classifier, split, every, before, CPU)
    assert "one view is enough from" in capsys.readouterr().out
    assert calibration.fitted["temperature"] == before.fitted["temperature"]
    classifier = classifier_of("fast", views=6)
    classifier.calibrate(calibration.fitted)
    assert classifier.one_view is not None
    assert calibration.report["one_view"]["enough_from"] == classifier.one_view.enough_from
    served = predict_logits(classifier, split, device=CPU, progress=False)
    kept, answered = (softmax(each / classifier.temperature, axis=1) for each in (logits, served))
    np.testing.assert_allclose(kept, answered, atol=1e-4)
    all_views = softmax(every / classifier.temperature, axis=1)
    assert np.abs(kept - all_views).max() > 1e-3, "some images are answered from one view"


@pytest.mark.parametrize(("views", "held_out"), [(1, True), (6, False)])
def test_where_nothing_can_be_chosen_nothing_changes(
    views: int, held_out: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    classifier = classifier_of("fast", views=views)
    split = Split(random_arrays(40, (8, 8, 1)), np.arange(40) % 5)
    logits = predict_logits(classifier, split, device=CPU, progress=False)
    before = fit_calibration(logits, split.labels, confident_accuracy=0.9, held_out=held_out)
    after = choose_views(classifier, split, logits, before, CPU)
    assert after[0] is logits
    assert after[1] is before
    assert "calibrate.views=auto changes nothing" in capsys.readouterr().out
