"""Views only where they matter: one view of each image, and all of them where that one leaves doubt.

The confidence of one view decides. An image whose confidence reaches a bound is answered from one view; one
that is more than `BLEND` below it, from all views. Between the two the answer passes from one to the other
linearly: a net's outputs may differ in their last digits between runtimes and sizes of a batch, and with a
step at the bound such a difference could change an image's whole answer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BLEND = 0.02  # of confidence, below the bound
Confidence = TypeVar("Confidence", Tensor, NDArray[np.float32])


def weight_of_all_views(confidence: Confidence, enough_from: float) -> Confidence:
    """Return the share of the answer that all views have, 0 to 1, by the confidence [N] of one view.

    >>> weight_of_all_views(np.array([0.99, 0.9, 0.89, 0.5], np.float32), 0.9).round(3).tolist()
    [0.0, 0.0, 0.5, 1.0]

    Args:
        confidence: calibrated probability of the most probable class by one view.
        enough_from: the confidence from which on one view is enough; 0 is always, above 1 is never.
    """
    return ((enough_from - confidence) / BLEND).clip(0, 1)


@dataclass(frozen=True)
class OneView:
    """When one view of an image is enough.

    Attributes:
        temperature: divides the logits of one view before the softmax.
        enough_from: the confidence of one view from which on no others are computed.
    """

    temperature: float
    enough_from: float

    @staticmethod
    def stated_in(calibration: Mapping[str, Any]) -> "OneView | None":
        """Return what models/calibration.json states under `one_view`; None where all views are computed."""
        stated = calibration.get("one_view")
        return None if stated is None else OneView(float(stated["temperature"]), float(stated["enough_from"]))

    def weight(self, probabilities: Tensor) -> Tensor:
        """Return the share that all views have, [B], by the probabilities [B,classes] of one view."""
        return weight_of_all_views(probabilities.amax(1), self.enough_from)

    def logits(
        self,
        x: Tensor,
        *,
        one: Callable[[Tensor], Tensor],
        every: Callable[[Tensor], Tensor],
        temperature: float,
    ) -> Tensor:
        """Return logits float32 [B,classes] that give the answers' probabilities, divided by `temperature`.

        Args:
            x: standardised images [B,C,H,W].
            one: computes the logits of images from one view.
            every: computes them from all views; it is called for the images in doubt alone.
            temperature: of the logits of all views.
        """
        probabilities = torch.softmax(one(x).float() / self.temperature, 1)
        weight = self.weight(probabilities)
        (doubtful,) = torch.where(weight > 0)
        if len(doubtful):
            first = probabilities[doubtful]
            all_views = torch.softmax(every(x[doubtful]).float() / temperature, 1)
            probabilities[doubtful] = first + weight[doubtful, None] * (all_views - first)
        return temperature * probabilities.clamp_min(torch.finfo(torch.float32).tiny).log()
