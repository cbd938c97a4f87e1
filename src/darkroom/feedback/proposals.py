"""Labels of training images that look wrong, put into the review as if users had reported them."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from darkroom.feedback.store import ReviewError

Keep = Callable[[bytes, str, str, Mapping[str, Any]], bool]


def read_proposals(path: Path) -> pd.DataFrame:
    """Read reports/label_proposals.csv.

    Raises ReviewError where the file is missing or is another table.
    """
    if not path.is_file():
        raise ReviewError(f"{path} does not exist: `dvc repro inspect` makes it")
    table = pd.read_csv(path, dtype={"label": str, "suggested": str}, keep_default_na=False)
    if missing := {"index", "label", "suggested", "suggested_probability"} - set(table):
        raise ReviewError(f"{path} has no column {', '.join(sorted(missing))}: `dvc repro inspect` makes it")
    return table


def propose(
    proposals: pd.DataFrame, images: NDArray[np.uint8], *, name: str, time: str, keep: Keep
) -> tuple[int, int]:
    """Put proposals into the review; return how many are new and how many were there.

    The image is stored as the model sees it, so that a confirmed proposal relabels the training image that
    it is. The suggested class takes the place of what a user reports, the label that of the prediction.

    Args:
        proposals: as `read_proposals` returns them.
        images: the training images that they are about, uint8 [N,H,W,C].
        name: of the data set.
        time: UTC, ISO 8601.
        keep: stores an image with its format, the class and the fields of its line; False if it is there.

    Raises ReviewError where a proposal is about an image that does not exist.
    """
    new = 0
    for row in proposals.to_dict("records"):
        index = int(row["index"])
        if not 0 <= index < len(images):
            raise ReviewError(
                f"there is no training image {index}: the proposals are about other data, `dvc repro inspect`"
            )
        about = {
            "time": time,
            "predicted": row["label"],
            "probability": round(1 - float(row["suggested_probability"]), 4),
            "model": {"name": name, "version": "data report"},
        }
        new += keep(_png(images[index]), "PNG", str(row["suggested"]), about)
    return new, len(proposals) - new


def _png(image: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(file, "PNG")
    return file.getvalue()
