"""The inputs of an evaluation report of several labels, from a classifier and the images that test it."""

from functools import partial
from typing import Any

import numpy as np
import torch

from darkroom.data.splits import Split
from darkroom.evaluation.multilabel.calibration_fit import calibrated
from darkroom.evaluation.multilabel.thresholds import decide
from darkroom.models.classifier import Classifier
from darkroom.models.inference import predict, predict_logits, probabilities_of
from darkroom.reporting.label_report.inputs import LabelEvaluation


def evaluate_label_sets(
    classifier: Classifier, test: Split, *, device: torch.device, **shared: Any
) -> LabelEvaluation:
    """Predict the test images, and return what their report is computed from.

    Args:
        classifier: of several labels, calibrated.
        test: the test images.
        device: to predict on.
        shared: the attributes of `ReportInputs`, but for `predict`.
    """
    logits = predict_logits(classifier, test, device=device)
    probabilities = probabilities_of(classifier, logits)
    return LabelEvaluation(
        test=test,
        probabilities=probabilities,
        before=calibrated(logits, {"slope": 1.0, "offset": 0.0}),
        decisions=decide(probabilities, np.array(shared["calibration"]["thresholds"])),
        predict=partial(predict, classifier, device=device, progress=False),
        **shared,
    )
