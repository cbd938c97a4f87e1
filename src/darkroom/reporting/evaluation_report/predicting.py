"""The inputs of an evaluation report, from a classifier and the images that it is tested on."""

from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from darkroom.data.splits import Split
from darkroom.evaluation.calibration import scale
from darkroom.models.classifier import Classifier
from darkroom.models.inference import predict, predict_logits
from darkroom.reporting.evaluation_report.inputs import Evaluation, Predictions


def evaluate(
    classifier: Classifier,
    test: Split,
    validation: Split,
    *,
    validation_logits: NDArray[np.float32],
    device: torch.device,
    **shared: Any,
) -> Evaluation:
    """Predict the test images, and return what their report is computed from.

    Args:
        classifier: calibrated.
        test: the test images.
        validation: the validation images.
        validation_logits: their logits, as in models/validation_logits.npy.
        device: to predict on.
        shared: the attributes of `ReportInputs`, but for `predict`.
    """
    calibration = shared["calibration"]
    logits = predict_logits(classifier, test, device=device)
    scaled = partial(scale, temperature=calibration["temperature"])
    return Evaluation(
        test=Predictions(test, scaled(logits)),
        confidence_before=scale(logits, 1.0).max(axis=1),
        validation=Predictions(validation, scaled(validation_logits)) if calibration["held_out"] else None,
        predict=partial(predict, classifier, device=device, progress=False),
        **shared,
    )
