"""The section `gate` of params.yaml."""

from typing import Annotated

from pydantic import Field

from darkroom.config.base import MOST, Section


class Gate(Section):
    """What a challenger must reach on the test images to become the champion.

    Attributes:
        significance: largest p-value (McNemar's exact test; of several labels a paired bootstrap) at which it
            counts as better than the champion.
        min_accuracy: smallest accuracy; of several labels, of the share of images whose labels are all right.
        min_average_precision: smallest mean of the labels' average precisions, of several labels; 0 is none.
        min_class_recall: smallest recall of the weakest class.
        max_recall_fall: how far below the champion's a class's recall on the same test images may be; 1 is no
            limit.
        max_calibration_error: largest calibration error.
        max_milliseconds: largest median time of one image in the exported graph, where it was exported; 0 is
            no limit.
    """

    significance: Annotated[float, Field(gt=0, lt=1)]
    min_accuracy: Annotated[float, Field(ge=0, le=1)]
    min_average_precision: Annotated[float, Field(ge=0, le=1)]
    min_class_recall: Annotated[float, Field(ge=0, le=1)]
    max_recall_fall: Annotated[float, Field(ge=0, le=1)]
    max_calibration_error: Annotated[float, Field(ge=0, le=1)]
    max_milliseconds: Annotated[float, Field(ge=0, le=MOST)]
