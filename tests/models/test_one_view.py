"""Views only where they matter, in torch: which images get all views, and what their answers are."""

import numpy as np
import pytest
import torch
from torch import Tensor

from darkroom.models.classifier import parts_of
from darkroom.models.one_view import BLEND, OneView, weight_of_all_views
from tests.helpers.models import classifier_of, random_images

SHAPE = (8, 8, 1)


def test_only_images_in_doubt_get_more_views() -> None:
    classifier = classifier_of("fast", SHAPE, views=6)
    images = random_images(40, SHAPE)
    with torch.inference_mode():
        classifier.one_view = OneView(temperature=0.05, enough_from=0.0)
        confidence = classifier(images).amax(1).sort().values
        bound = float((confidence[9] + confidence[10]) / 2)
        classifier.one_view = OneView(temperature=0.05, enough_from=bound)
        computed: list[int] = []

        def count(_: object, inputs: tuple[Tensor]) -> None:
            computed.append(len(inputs[0]))

        classifier.net.register_forward_pre_hook(count)
        classifier(images)
    assert computed == [40, 10 * 6]


def test_answers_are_by_one_view_from_the_bound_on_by_all_views_far_below_it_and_between_them_between() -> (
    None
):
    classifier = classifier_of("fast", SHAPE, views=6)
    classifier.temperature = 0.1
    images = random_images(30, SHAPE)
    with torch.inference_mode():
        classifier.one_view = OneView(temperature=0.05, enough_from=0.0)
        every_part, one_part = parts_of(classifier)
        every, one = every_part(images), one_part(images)
        confidence = one.amax(1)
        bound = float(confidence.sort().values[15]) + BLEND / 2
        classifier.one_view = OneView(temperature=0.05, enough_from=bound)
        served = classifier(images)
    above, below = confidence >= bound, confidence <= bound - BLEND
    assert above.any()
    assert below.any()
    torch.testing.assert_close(served[above], one[above], atol=1e-5, rtol=0)
    torch.testing.assert_close(served[below], every[below], atol=1e-5, rtol=0)
    middle = int(confidence.argsort()[15])
    torch.testing.assert_close(served[middle], (one[middle] + every[middle]) / 2, atol=1e-4, rtol=0)
    assert not torch.allclose(one, every, atol=1e-3)


def test_a_difference_in_the_last_digit_changes_an_answer_by_as_little() -> None:
    confidence = np.array([0.9 - 1e-6, 0.9, 0.9 + 1e-6], dtype=np.float32)
    assert weight_of_all_views(confidence, 0.9).max() <= 1e-4


def test_the_calibration_states_when_one_view_is_enough() -> None:
    classifier = classifier_of("fast", SHAPE, views=6)
    classifier.calibrate({"temperature": 0.5, "one_view": {"temperature": 0.7, "enough_from": 0.95}})
    assert classifier.one_view == OneView(temperature=0.7, enough_from=0.95)
    classifier.calibrate({"temperature": 0.5})
    assert classifier.one_view is None
    with pytest.raises(ValueError, match="there is no classifier by one view"):
        parts_of(classifier)
